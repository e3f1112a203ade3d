package compile_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/compile"
	"github.com/medfence/medfence/internal/plan"
	"github.com/medfence/medfence/internal/snapshot"
	"github.com/medfence/medfence/test/hospital"
)

// wards is how many random hospitals each of these laws is tried on: each
// compiles a hospital once for every object in it.
const wards = hospitals / 5

// An object that is refused and was never accepted contributes nothing: without
// it, all others stand and permit the same.
func TestARefusedNewcomerInfluencesNobody(t *testing.T) {
	for seed := range uint64(wards) {
		s := edited(seed)
		p := compile.Compile(s).Plan
		for _, z := range p.Zones {
			if z.Standing == plan.Absent {
				without := *s
				without.Zones = slices.DeleteFunc(slices.Clone(s.Zones), func(x snapshot.Zone) bool { return x.Name == z.Name })
				checkOthers(t, seed, "zone "+z.Name, p, compile.Compile(&without).Plan)
			}
		}
		for _, d := range p.Devices {
			if d.Standing == plan.Absent {
				without := *s
				without.Devices = slices.DeleteFunc(slices.Clone(s.Devices), func(x snapshot.Device) bool { return x.Name == d.Name })
				checkOthers(t, seed, "device "+d.Namespace+"/"+d.Name, p, compile.Compile(&without).Plan)
			}
		}
	}
}

// An object that is refused counts as its last accepted spec: with that in place
// of the refused one, all stand and permit the same.
func TestARefusedEditCountsAsTheLastAcceptedSpec(t *testing.T) {
	for seed := range uint64(wards) {
		s := edited(seed)
		r := compile.Compile(s)
		p := r.Plan
		for i, z := range s.Zones {
			if standing(p, "zone "+z.Name) == plan.Last && z.Accepted != nil && !knotted(r, z.Name) {
				with := *s
				with.Zones = slices.Clone(s.Zones)
				with.Zones[i].Spec = *z.Accepted.Spec.DeepCopy()
				if z.Deleting { // Release counts whatever else is wrong
					with.Zones[i].Spec.DeletionPolicy = z.Spec.DeletionPolicy
				}
				checkOthers(t, seed, "zone "+z.Name, p, compile.Compile(&with).Plan)
			}
		}
		for i, d := range s.Devices {
			if standing(p, "device "+d.Key()) == plan.Last && !leaves(d) {
				with := *s
				with.Devices = slices.Clone(s.Devices)
				with.Devices[i].Spec = *d.Accepted.Spec.DeepCopy()
				checkOthers(t, seed, "device "+d.Key(), p, compile.Compile(&with).Plan)
			}
		}
	}
}

// leaves reports whether a device gives an address up and stays in its zone. An
// edit of the zone that refuses the device need not wait for the address then.
func leaves(d snapshot.Device) bool {
	return d.Spec.Zone == d.Accepted.Spec.Zone && slices.ContainsFunc(d.Accepted.Spec.Addresses, func(a string) bool {
		return !slices.Contains(d.Spec.Addresses, a)
	})
}

// knotted reports whether zones blame each other in a ring: one drove another
// back to its accepted spec, and that has what the first wants. All of them wait
// then. To let one go first would be right as well; nothing is cut.
func knotted(r compile.Result, zone string) bool {
	blames := map[string][]string{}
	for _, p := range r.Problems {
		for _, z := range r.Plan.Zones {
			if p.Kind == plan.KindZone && p.Severity() == medfencev1alpha1.SeverityRefuse && strings.Contains(p.Message+";", "zone "+z.Name+";") {
				blames[p.Name] = append(blames[p.Name], z.Name)
			}
		}
	}
	seen := map[string]bool{}
	for todo := blames[zone]; len(todo) > 0; todo = todo[1:] {
		if todo[0] == zone {
			return true
		}
		if !seen[todo[0]] {
			seen[todo[0]] = true
			todo = append(todo, blames[todo[0]]...)
		}
	}
	return false
}

func standing(p *plan.Plan, object string) plan.Standing {
	for _, line := range stands(p) {
		if rest, ok := strings.CutPrefix(line, object+" "); ok {
			return plan.Standing(rest)
		}
	}
	return ""
}

// checkOthers compares two plans but for how one object stands.
func checkOthers(t *testing.T, seed uint64, object string, want, got *plan.Plan) {
	t.Helper()
	describe := func(p *plan.Plan) []string {
		out := slices.Concat(stands(p), flows(p), members(p))
		return slices.DeleteFunc(out, func(line string) bool {
			return line == object || strings.HasPrefix(line, object+" ")
		})
	}
	if diff := lines(describe(want), describe(got)); diff != "" {
		t.Errorf("seed %d: %s is refused, and yet influences others:\n%s", seed, object, diff)
	}
}

// lines lists what only one of two lists has.
func lines(want, got []string) string {
	var b strings.Builder
	for _, x := range want {
		if !slices.Contains(got, x) {
			fmt.Fprintf(&b, "- %.300s\n", x)
		}
	}
	for _, x := range got {
		if !slices.Contains(want, x) {
			fmt.Fprintf(&b, "+ %.300s\n", x)
		}
	}
	return b.String()
}

// edited returns a random hospital whose past could have happened: what people
// wrote was accepted or not, then they edited some of it, and not always well.
func edited(seed uint64) *snapshot.Snapshot {
	s := hospital.Random(seed, hospital.Options{Restless: seed%2 == 0})
	for i := range s.Zones {
		s.Zones[i].Accepted, s.Zones[i].Closed = nil, nil
	}
	for i := range s.Devices {
		s.Devices[i].Accepted = nil
	}
	for i := range s.Conduits {
		s.Conduits[i].Accepted = nil
	}
	for range 2 {
		s = accept(s, compile.Compile(s).Plan)
	}
	later := hospital.Random(seed+1_000_000, hospital.Options{})
	for i := range min(len(s.Zones), len(later.Zones)) {
		if i%2 == 0 {
			role := s.Zones[i].Spec.Role
			s.Zones[i].Spec = later.Zones[i].Spec
			if seed%8 != 0 {
				s.Zones[i].Spec.Role = role
			}
		}
	}
	for i := range min(len(s.Devices), len(later.Devices)) {
		if i%3 != 0 {
			s.Devices[i].Spec = later.Devices[i].Spec
		}
	}
	for i := range min(len(s.Conduits), len(later.Conduits)) {
		if i%2 == 0 {
			s.Conduits[i].Spec = later.Conduits[i].Spec
		}
	}
	s.Zones = append(s.Zones, named(later.Zones, "new-")...)
	s.Pods = append(s.Pods[:len(s.Pods)/2], later.Pods...)
	return s
}

func named(zones []snapshot.Zone, prefix string) []snapshot.Zone {
	var out []snapshot.Zone
	for _, z := range zones[:len(zones)/2] {
		z.Name, z.UID, z.Accepted, z.Closed = prefix+z.Name, prefix+z.UID, nil, nil
		out = append(out, z)
	}
	return out
}

// settled returns a random hospital in which all that can be accepted is.
func settled(seed uint64) *snapshot.Snapshot {
	s := hospital.Random(seed, hospital.Options{Sound: true})
	for range 3 {
		s = accept(s, compile.Compile(s).Plan)
	}
	return s
}

// A mistake in an object that was accepted changes nothing at all.
func TestAMistakeChangesNothing(t *testing.T) {
	for seed := range uint64(wards) {
		s := settled(seed)
		p := compile.Compile(s).Plan
		want := slices.Concat(flows(p), members(p))
		for name, broken := range mistakes(s, p) {
			q := compile.Compile(broken).Plan
			if standing(q, name) == plan.Current {
				t.Errorf("seed %d: the mistake in %s went unnoticed", seed, name)
			}
			if diff := lines(want, slices.Concat(flows(q), members(q))); diff != "" {
				t.Errorf("seed %d: a mistake in %s changes the plan:\n%s", seed, name, diff)
			}
		}
	}
}

// mistakes returns the hospital with a mistake in each of the objects that
// stand by their current spec. The mistakes also take things away.
func mistakes(s *snapshot.Snapshot, p *plan.Plan) map[string]*snapshot.Snapshot {
	out := map[string]*snapshot.Snapshot{}
	for i, z := range s.Zones {
		name := "zone " + z.Name
		if standing(p, name) != plan.Current {
			continue
		}
		broken := *s
		broken.Zones = slices.Clone(s.Zones)
		spec := z.Spec.DeepCopy()
		spec.Members = medfencev1alpha1.ZoneMembers{CIDRs: []string{"10.1.1.1/8"}}
		broken.Zones[i].Spec = *spec
		out[name] = &broken
	}
	for i, d := range s.Devices {
		name := "device " + d.Key()
		if standing(p, name) != plan.Current {
			continue
		}
		broken := *s
		broken.Devices = slices.Clone(s.Devices)
		broken.Devices[i].Spec = medfencev1alpha1.MedicalDeviceSpec{Zone: d.Spec.Zone + "x", Criticality: d.Spec.Criticality}
		out[name] = &broken
	}
	for i, c := range s.Conduits {
		name := "conduit " + c.Name
		if standing(p, name) != plan.Current {
			continue
		}
		broken := *s
		broken.Conduits = slices.Clone(s.Conduits)
		spec := c.Spec.DeepCopy()
		spec.Services = []medfencev1alpha1.ConduitService{{Name: "hl7-mlpp"}}
		spec.To.Zones = spec.To.Zones[:1]
		broken.Conduits[i].Spec = *spec
		out[name] = &broken
	}
	return out
}

// A prefix that a zone adds never takes the address of an accepted device.
func TestAPrefixNeverTakesAnAcceptedDevicesAddress(t *testing.T) {
	tried := 0
	for seed := range uint64(wards) {
		s := settled(seed)
		before := addressesOf(compile.Compile(s).Plan)
		for _, prefix := range []string{"10.1.1.0/27", "10.1.1.0/31", "10.1.1.2/32", "10.2.0.0/24", "2001:db8:1::/127", "2001:db8::/96", "192.0.2.0/25"} {
			for _, role := range []medfencev1alpha1.ZoneRole{medfencev1alpha1.RoleDevice, medfencev1alpha1.RoleCorporate} {
				newcomer := snapshot.Zone{Name: "newcomer", UID: "0", Spec: medfencev1alpha1.DeviceZoneSpec{Role: role}}
				if role == medfencev1alpha1.RoleDevice {
					newcomer.Spec.Enforcement = medfencev1alpha1.Enforce
				}
				newcomer.Spec.Members.CIDRs = []string{prefix}
				with := *s
				with.Zones = append(slices.Clone(s.Zones), newcomer)
				after := addressesOf(compile.Compile(&with).Plan)
				tried++
				if diff := cmp.Diff(before, after); diff != "" {
					t.Fatalf("seed %d: the prefix %s takes an address:\n%s", seed, prefix, diff)
				}
			}
		}
	}
	if tried < wards {
		t.Errorf("tried %d times, too few to mean anything", tried)
	}
}

// addressesOf lists the addresses of the devices.
func addressesOf(p *plan.Plan) []string {
	var out []string
	for _, d := range p.Devices {
		if len(d.Prefixes) > 0 {
			out = append(out, fmt.Sprintf("%s/%s %s %v", d.Namespace, d.Name, d.Zone, d.Prefixes))
		}
	}
	return out
}
