package compile_test

import (
	"encoding/json"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/compile"
	"github.com/medfence/medfence/internal/flow"
	"github.com/medfence/medfence/internal/manifest"
	"github.com/medfence/medfence/internal/plan"
	"github.com/medfence/medfence/internal/snapshot"
	"github.com/medfence/medfence/test/hospital"
	"github.com/medfence/medfence/test/scenarios"
)

// hospitals is how many random hospitals each law is tried on.
const hospitals = 600

// corpus returns every scenario on both targets, and random hospitals.
func corpus(t *testing.T) map[string]*snapshot.Snapshot {
	t.Helper()
	out := map[string]*snapshot.Snapshot{}
	list, err := scenarios.All()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range list {
		for _, kind := range []snapshot.TargetKind{snapshot.Netpol, snapshot.Cilium} {
			out[s.Name+"/"+string(kind)] = s.Snapshot(kind)
		}
	}
	for seed := range uint64(hospitals) {
		out["seed "+jsonOf(t, seed)] = hospital.Random(seed, hospital.Options{Sound: seed%4 == 0, Restless: seed%3 == 0})
	}
	return out
}

func jsonOf(t testing.TB, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func shuffled(s *snapshot.Snapshot, seed uint64) *snapshot.Snapshot {
	r := rand.New(rand.NewPCG(seed, 1))
	out := *s
	shuffle(r, &out.Zones)
	shuffle(r, &out.Devices)
	shuffle(r, &out.Conduits)
	shuffle(r, &out.Namespaces)
	shuffle(r, &out.Pods)
	shuffle(r, &out.Services)
	return &out
}

func shuffle[T any](r *rand.Rand, list *[]T) {
	*list = slices.Clone(*list)
	r.Shuffle(len(*list), func(i, j int) { (*list)[i], (*list)[j] = (*list)[j], (*list)[i] })
}

func TestCompileIsDeterministic(t *testing.T) {
	for name, s := range corpus(t) {
		want := jsonOf(t, compile.Compile(s))
		for seed := range uint64(3) {
			if got := jsonOf(t, compile.Compile(shuffled(s, seed))); got != want {
				t.Fatalf("%s: another order gives another result:\n%s", name, cmp.Diff(want, got))
			}
		}
	}
}

func TestCompileDoesNotModifyItsInput(t *testing.T) {
	for name, s := range corpus(t) {
		before := jsonOf(t, struct{ Z, D, C, N, P any }{s.Zones, s.Devices, s.Conduits, s.Namespaces, s.Pods})
		compile.Compile(s)
		after := jsonOf(t, struct{ Z, D, C, N, P any }{s.Zones, s.Devices, s.Conduits, s.Namespaces, s.Pods})
		if before != after {
			t.Fatalf("%s: the snapshot was modified:\n%s", name, cmp.Diff(before, after))
		}
	}
}

// TestCompileIsClosed: whatever a plan permits is permitted by a conduit that
// names the zones, and selects the device, of both ends.
func TestCompileIsClosed(t *testing.T) {
	for name, s := range corpus(t) {
		checkClosed(t, name, s, compile.Compile(s).Plan)
	}
}

func checkClosed(t *testing.T, name string, s *snapshot.Snapshot, p *plan.Plan) {
	t.Helper()
	w := newWitness(s, p)
	for _, c := range p.Conduits {
		for side, ends := range map[string][]plan.End{"from": c.From, "to": c.To} {
			for _, e := range ends {
				w.checkEnd(t, name, c, side, e)
			}
		}
	}
	w.checkGroups(t, name)
}

// A witness recomputes from the specs in force what an end may hold.
type witness struct {
	p       *plan.Plan
	zones   map[string]plan.Zone
	groups  map[string]plan.Group
	devices map[string]snapshot.Device
}

func newWitness(s *snapshot.Snapshot, p *plan.Plan) *witness {
	w := &witness{p: p, zones: map[string]plan.Zone{}, groups: map[string]plan.Group{}, devices: map[string]snapshot.Device{}}
	for _, z := range p.Zones {
		w.zones[z.Name] = z
	}
	for _, g := range p.Groups {
		w.groups[g.Name] = g
	}
	for _, d := range s.Devices {
		w.devices[d.Key()] = d
	}
	return w
}

func (w *witness) checkEnd(t *testing.T, name string, c plan.Conduit, side string, e plan.End) {
	t.Helper()
	spec := c.Spec.From
	if side == "to" {
		spec = c.Spec.To
	}
	z := w.zones[e.Zone]
	if c.Standing == plan.Absent || z.Standing == plan.Absent || z.Released || !slices.Contains(spec.Zones, e.Zone) {
		t.Fatalf("%s: conduit %s has an end in zone %s, which its spec in force does not give it", name, c.Name, e.Zone)
	}
	for _, key := range e.Workloads {
		if !slices.ContainsFunc(z.Namespaces, func(n plan.Namespace) bool { return n.Name == key.Namespace }) {
			t.Fatalf("%s: conduit %s reaches pods of %s, which is no namespace of zone %s", name, c.Name, key.Namespace, z.Name)
		}
		if z.Role == medfencev1alpha1.RoleDevice && !w.someDevice(spec.DeviceSelector, func(d plan.Device) bool { return d.Workload == key }) {
			t.Fatalf("%s: conduit %s reaches pods %v that no selected device of zone %s has", name, c.Name, key, z.Name)
		}
	}
	for _, g := range e.Groups {
		for _, prefix := range w.groups[g].Prefixes {
			w.checkPrefix(t, name, c, spec.DeviceSelector, z, prefix)
		}
	}
}

func (w *witness) checkPrefix(t *testing.T, name string, c plan.Conduit, selector *snapshot.Selector, z plan.Zone, prefix netip.Prefix) {
	t.Helper()
	if !within(z.Prefixes, prefix) {
		t.Fatalf("%s: conduit %s reaches %s outside zone %s %v", name, c.Name, prefix, z.Name, z.Prefixes)
	}
	if selector == nil {
		return
	}
	var selected []netip.Prefix
	for _, d := range w.p.Devices {
		if d.Zone == z.Name && w.selects(selector, d) {
			selected = append(selected, d.Prefixes...)
		}
	}
	if !within(flow.MergePrefixes(selected), prefix) {
		t.Fatalf("%s: conduit %s reaches %s, which no selected device has", name, c.Name, prefix)
	}
}

func within(list []netip.Prefix, p netip.Prefix) bool {
	return len(flow.SubtractPrefixes([]netip.Prefix{p}, list)) == 0
}

func (w *witness) someDevice(selector *snapshot.Selector, match func(plan.Device) bool) bool {
	return slices.ContainsFunc(w.p.Devices, func(d plan.Device) bool {
		return d.Standing != plan.Absent && match(d) && (selector == nil || w.selects(selector, d))
	})
}

// selects evaluates a selector by hand, not with the compiler's library.
func (w *witness) selects(selector *snapshot.Selector, d plan.Device) bool {
	have := w.devices[d.Namespace+"/"+d.Name].Labels
	for k, v := range selector.MatchLabels {
		if have[k] != v {
			return false
		}
	}
	for _, e := range selector.MatchExpressions {
		v, ok := have[e.Key]
		in := ok && slices.Contains(e.Values, v)
		switch e.Operator {
		case "In":
			if !in {
				return false
			}
		case "NotIn":
			if in {
				return false
			}
		case "Exists":
			if !ok {
				return false
			}
		case "DoesNotExist":
			if ok {
				return false
			}
		}
	}
	return true
}

// checkGroups: groups are pairwise disjoint, and none holds an address of the
// cluster's own.
func (w *witness) checkGroups(t *testing.T, name string) {
	t.Helper()
	for i, a := range w.p.Groups {
		for _, p := range a.Prefixes {
			if p.Overlaps(netip.MustParsePrefix("10.244.0.0/16")) || p.Overlaps(netip.MustParsePrefix("169.254.0.0/16")) {
				t.Fatalf("%s: group %s holds %s", name, a.Name, p)
			}
			for _, b := range w.p.Groups[i+1:] {
				if flow.Overlaps(b.Prefixes, p) {
					t.Fatalf("%s: groups %s and %s share addresses of %s", name, a.Name, b.Name, p)
				}
			}
		}
	}
}

// TestCompileKeepsWhatWasAccepted: an object whose spec is refused contributes
// its last accepted spec, and one that is not refused its current one.
func TestCompileKeepsWhatWasAccepted(t *testing.T) {
	for name, s := range corpus(t) {
		r := compile.Compile(s)
		refused := map[string]bool{}
		for _, p := range r.Problems {
			if p.Severity() == medfencev1alpha1.SeverityRefuse {
				refused[p.Object()] = true
			}
		}
		for _, z := range r.Plan.Zones {
			checkStanding(t, name, plan.KindZone+"/"+z.Name, z.Standing, refused)
		}
		for _, d := range r.Plan.Devices {
			checkStanding(t, name, plan.KindDevice+"/"+d.Namespace+"/"+d.Name, d.Standing, refused)
		}
		for _, c := range r.Plan.Conduits {
			checkStanding(t, name, plan.KindConduit+"/"+c.Name, c.Standing, refused)
		}
	}
}

func checkStanding(t *testing.T, name, object string, standing plan.Standing, refused map[string]bool) {
	t.Helper()
	if standing == plan.Current && refused[object] || standing != plan.Current && !refused[object] {
		t.Fatalf("%s: %s stands as %s, and refused is %v", name, object, standing, refused[object])
	}
}

// TestCompileIsStable: what was accepted in one round is accepted in the next,
// and the plan does not change when nothing does.
func TestCompileIsStable(t *testing.T) {
	for name, s := range corpus(t) {
		first := compile.Compile(s)
		next := accept(s, first.Plan)
		second := compile.Compile(next)
		if diff := cmp.Diff(permits(first.Plan), permits(second.Plan)); diff != "" {
			t.Fatalf("%s: the plan changes although nothing did:\n%s", name, diff)
		}
		third := compile.Compile(accept(next, second.Plan))
		if jsonOf(t, second) != jsonOf(t, third) {
			t.Fatalf("%s: the result is not at rest:\n%s", name, cmp.Diff(jsonOf(t, second), jsonOf(t, third)))
		}
	}
}

// accept records what a plan accepts, as the operator does.
func accept(s *snapshot.Snapshot, p *plan.Plan) *snapshot.Snapshot {
	out := *s
	out.Zones = slices.Clone(s.Zones)
	for i, z := range out.Zones {
		for _, pz := range p.Zones {
			if pz.Name == z.Name && pz.Standing == plan.Current {
				out.Zones[i].Accepted = &medfencev1alpha1.AcceptedZone{Since: since(z.Accepted != nil, func() any { return z.Accepted.Since }, s), Spec: *z.Spec.DeepCopy()}
			}
		}
	}
	out.Devices = slices.Clone(s.Devices)
	for i, d := range out.Devices {
		for _, pd := range p.Devices {
			if pd.Namespace == d.Namespace && pd.Name == d.Name && pd.Standing == plan.Current {
				out.Devices[i].Accepted = &medfencev1alpha1.AcceptedDevice{Since: since(d.Accepted != nil, func() any { return d.Accepted.Since }, s), Spec: *d.Spec.DeepCopy()}
			}
		}
	}
	out.Conduits = slices.Clone(s.Conduits)
	for i, c := range out.Conduits {
		for _, pc := range p.Conduits {
			if pc.Name == c.Name && pc.Standing == plan.Current {
				out.Conduits[i].Accepted = &medfencev1alpha1.AcceptedConduit{
					Since: since(c.Accepted != nil, func() any { return c.Accepted.Since }, s), Spec: *c.Spec.DeepCopy(), Services: pc.Resolved,
				}
			}
		}
	}
	return &out
}

func FuzzCompile(f *testing.F) {
	for seed := range uint64(20) {
		f.Add(seed, "", false)
	}
	list, err := scenarios.All()
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range list {
		f.Add(uint64(1), strings.Join([]string{s.About, s.Name}, " "), true)
	}
	f.Fuzz(func(t *testing.T, seed uint64, text string, own bool) {
		s := hospital.Random(seed, hospital.Options{})
		if own {
			objects, _ := manifest.Read([]manifest.File{{Name: "fuzz.yaml", Data: []byte(text)}})
			s = objects.Snapshot(scenarios.Setting(snapshot.Cilium))
		}
		for i := range s.Conduits {
			s.Conduits[i].Spec.Purpose = text
		}
		if len(s.Zones) > 0 && len(text) < 64 {
			s.Zones[0].Spec.Members.CIDRs = append(slices.Clone(s.Zones[0].Spec.Members.CIDRs), text)
		}
		r := compile.Compile(s)
		if jsonOf(t, r) != jsonOf(t, compile.Compile(shuffled(s, seed))) {
			t.Fatal("another order gives another result")
		}
		checkClosed(t, "fuzz", s, r.Plan)
	})
}
