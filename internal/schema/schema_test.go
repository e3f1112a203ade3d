package schema_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/medfence/medfence/internal/schema"
)

const (
	soundZone    = `{"apiVersion":"medfence.io/v1alpha1","kind":"DeviceZone","metadata":{"name":"infusion"},"spec":{"role":"Device","enforcement":"Enforce","members":{"namespaces":["infusion"],"cidrs":["10.20.0.0/16"]}}}`
	soundDevice  = `{"apiVersion":"medfence.io/v1alpha1","kind":"MedicalDevice","metadata":{"name":"pump-7","namespace":"infusion"},"spec":{"zone":"infusion","criticality":"LifeSustaining","addresses":["10.20.1.7"]}}`
	soundConduit = `{"apiVersion":"medfence.io/v1alpha1","kind":"Conduit","metadata":{"name":"pumps"},"spec":{"from":{"zones":["infusion"]},"to":{"zones":["engine"]},"services":[{"name":"hl7-mllp"}],"purpose":"Infusion events"}}`
)

func newChecker(t *testing.T) *schema.Checker {
	t.Helper()
	c, err := schema.New()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// check says "path: message" of every violation.
func check(t *testing.T, c *schema.Checker, kind, namespace, object string) []string {
	t.Helper()
	raw, err := yaml.YAMLToJSON([]byte(object))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, v := range c.Check(t.Context(), kind, namespace, raw) {
		out = append(out, v.Path+": "+v.Message)
	}
	return out
}

func TestSoundObjectsHaveNoViolations(t *testing.T) {
	c := newChecker(t)
	for kind, object := range map[string]string{"DeviceZone": soundZone, "MedicalDevice": soundDevice, "Conduit": soundConduit} {
		if got := check(t, c, kind, "", object); len(got) > 0 {
			t.Errorf("%s: %q", kind, got)
		}
	}
}

// with returns an object after one edit of its spec or metadata.
func with(t *testing.T, object string, edit func(map[string]any)) string {
	t.Helper()
	var fields map[string]any
	if err := json.Unmarshal([]byte(object), &fields); err != nil {
		t.Fatal(err)
	}
	edit(fields)
	out, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// set puts a value at a path such as "spec.members.cidrs".
func set(path string, value any) func(map[string]any) {
	return func(fields map[string]any) {
		steps := strings.Split(path, ".")
		for _, step := range steps[:len(steps)-1] {
			child, ok := fields[step].(map[string]any)
			if !ok {
				child = map[string]any{}
				fields[step] = child
			}
			fields = child
		}
		if value == nil {
			delete(fields, steps[len(steps)-1])
			return
		}
		fields[steps[len(steps)-1]] = value
	}
}

func TestWhatTheAPIServerRefusesIsNamedWithItsField(t *testing.T) {
	long := strings.Repeat("x", 300)
	many := make([]any, 257)
	for i := range many {
		many[i] = fmt.Sprintf("10.0.%d.%d/32", i/256, i%256)
	}
	for name, tc := range map[string]struct {
		kind, object string
		path         string
		value        any
		want         string // of a violation
	}{
		"a field that is required":   {"DeviceZone", soundZone, "spec.role", nil, "spec.role: the field is required; write it"},
		"no value of an enum":        {"DeviceZone", soundZone, "spec.role", "Devise", `spec.role: unsupported value: "Devise"`},
		"a wrong type":               {"DeviceZone", soundZone, "spec.owner", 7, "spec.owner: spec.owner in body must be of type string"},
		"an empty string":            {"DeviceZone", soundZone, "spec.owner", "", "spec.owner: spec.owner in body should be at least 1 chars long"},
		"a long string":              {"DeviceZone", soundZone, "spec.owner", long, "spec.owner: too long: may not be more than 128"},
		"an empty list":              {"DeviceZone", soundZone, "spec.members.cidrs", []any{}, "spec.members.cidrs: spec.members.cidrs in body should have at least 1 items"},
		"a long list":                {"DeviceZone", soundZone, "spec.members.cidrs", many, "spec.members.cidrs: too many: 257: must have at most 256 items"},
		"twice in a set":             {"DeviceZone", soundZone, "spec.members.namespaces", []any{"a", "a"}, `spec.members.namespaces[1]: duplicate value: "a"`},
		"a number too high":          {"DeviceZone", soundZone, "spec.securityLevel", map[string]any{"target": 5}, "spec.securityLevel.target: spec.securityLevel.target in body should be less than or equal to 4"},
		"a fraction":                 {"DeviceZone", soundZone, "spec.securityLevel", map[string]any{"target": 1.5}, "spec.securityLevel.target: spec.securityLevel.target in body must be of type int32"},
		"a rule over fields":         {"DeviceZone", soundZone, "spec.enforcement", nil, "spec.enforcement: the field is required; write it: enforcement is required for Device zones"},
		"a rule of an item":          {"DeviceZone", soundZone, "spec.members.cidrs", []any{"10.0.0.1/8"}, "spec.members.cidrs[0]: the prefix has host bits: write 10.0.0.0/8"},
		"a rule about the name":      {"DeviceZone", soundZone, "metadata.name", "a.b", "the name of a zone is at most 63 characters"},
		"a name that no object has":  {"DeviceZone", soundZone, "metadata.name", "Infusion!", "metadata.name: a lowercase RFC 1123 subdomain"},
		"no name":                    {"DeviceZone", soundZone, "metadata.name", nil, "metadata.name: the field is required; write it: name or generateName is required"},
		"a label that is none":       {"DeviceZone", soundZone, "metadata.labels", map[string]any{"a": "b c"}, "metadata.labels: a valid label must be"},
		"a namespace of a zone":      {"DeviceZone", soundZone, "metadata.namespace", "icu", "metadata.namespace: not allowed on this type"},
		"no namespace of a device":   {"MedicalDevice", soundDevice, "metadata.namespace", nil, "metadata.namespace: the field is required; write it"},
		"an address that is none":    {"MedicalDevice", soundDevice, "spec.addresses", []any{"10.20.1"}, "spec.addresses[0]: not an address: write an IP such as 10.20.3.7"},
		"an empty selector":          {"MedicalDevice", soundDevice, "spec.workload", map[string]any{"podSelector": map[string]any{}}, "spec.workload.podSelector: podSelector is empty"},
		"a short purpose":            {"Conduit", soundConduit, "spec.purpose", "why", "spec.purpose: spec.purpose in body should be at least 10 chars long"},
		"a port below 1":             {"Conduit", soundConduit, "spec.services", []any{map[string]any{"protocol": "TCP", "port": 0}}, "spec.services[0].port: spec.services[0].port in body should be greater than or equal to 1"},
		"a service of both":          {"Conduit", soundConduit, "spec.services", []any{map[string]any{"name": "dicom", "protocol": "TCP", "port": 1}}, "spec.services[0].protocol: the catalogue knows the protocol"},
		"a time that is none":        {"Conduit", soundConduit, "spec.expiresAt", "tomorrow", "spec.expiresAt: spec.expiresAt in body must be of type date-time"},
		"an end before the begin":    {"Conduit", with(t, soundConduit, set("spec.startsAt", "2030-01-02T00:00:00Z")), "spec.expiresAt", "2030-01-01T00:00:00Z", "spec.expiresAt: the conduit would end before it begins"},
		"a service that comes twice": {"Conduit", soundConduit, "spec.services", []any{map[string]any{"name": "dicom"}, map[string]any{"name": "dicom"}}, "spec.services: a service is listed twice"},
	} {
		t.Run(name, func(t *testing.T) {
			got := check(t, newChecker(t), tc.kind, "", with(t, tc.object, set(tc.path, tc.value)))
			if !strings.Contains(strings.Join(got, "\n"), tc.want) {
				t.Errorf("got %q, want %q", got, tc.want)
			}
			for _, line := range got {
				if len(line) > 1000 || strings.Contains(line, "<nil>") {
					t.Errorf("nobody reads %q", line)
				}
			}
		})
	}
}

func TestAllViolationsAreNamedInOrderAndOnce(t *testing.T) {
	object := with(t, soundZone, func(o map[string]any) {
		set("spec.role", "x")(o)
		set("spec.dns", "y")(o)
		set("spec.owner", "")(o)
		set("metadata.labels", map[string]any{"a": "b c", "d": "e f"})(o) // of both the same is to be said
	})
	got := check(t, newChecker(t), "DeviceZone", "", object)
	if len(got) != 4 || !slices.IsSorted(got) || len(slices.Compact(slices.Clone(got))) != len(got) {
		t.Errorf("%d violations: %q", len(got), got)
	}
}

// As the API server does: rules rely on the shape, and are asked only of what
// has it.
func TestRulesAreNotAskedOfWhatHasNoShape(t *testing.T) {
	object := with(t, soundZone, func(o map[string]any) {
		set("spec.enforcement", nil)(o) // against a rule
		set("spec.members.namespaces", "infusion")(o)
	})
	got := check(t, newChecker(t), "DeviceZone", "", object)
	if len(got) != 1 || !strings.HasPrefix(got[0], "spec.members.namespaces: ") {
		t.Errorf("%q", got)
	}
}

// A rule that asks for the name of what has none would answer in words that
// nobody understands.
func TestWhatHasNoNameHasOneViolation(t *testing.T) {
	got := check(t, newChecker(t), "DeviceZone", "", with(t, soundZone, set("metadata.name", nil)))
	if len(got) != 1 || !strings.HasPrefix(got[0], "metadata.name: ") {
		t.Errorf("%q", got)
	}
}

func TestDefaultsAreFilledInBeforeTheRules(t *testing.T) {
	for field := range map[string]bool{"dns": true, "encryption": true, "deletionPolicy": true} {
		if got := check(t, newChecker(t), "DeviceZone", "", with(t, soundZone, set("spec."+field, nil))); len(got) > 0 {
			t.Errorf("without %s: %q", field, got)
		}
	}
}

func TestTheStatusIsNoneOfThePeoplesBusiness(t *testing.T) {
	for _, status := range []any{"x", map[string]any{"conditions": "x"}, map[string]any{"devices": -1.5}} {
		if got := check(t, newChecker(t), "DeviceZone", "", with(t, soundZone, set("status", status))); len(got) > 0 {
			t.Errorf("status %v: %q", status, got)
		}
	}
}

func TestTheNamespaceIsThatIntoWhichItIsApplied(t *testing.T) {
	c := newChecker(t)
	nowhere := with(t, soundDevice, set("metadata.namespace", nil))
	if got := check(t, c, "MedicalDevice", "infusion", nowhere); len(got) > 0 {
		t.Errorf("applied into a namespace: %q", got)
	}
	if got := check(t, c, "MedicalDevice", "", nowhere); len(got) != 1 {
		t.Errorf("applied nowhere: %q", got)
	}
}

func TestOtherKindsAndNoObjectsAreNotJudged(t *testing.T) {
	c := newChecker(t)
	if got := check(t, c, "Pod", "", `{"spec": 1}`); len(got) > 0 {
		t.Errorf("a pod: %q", got)
	}
	for _, raw := range []string{"", "{", "[]", "1", `"x"`} {
		if got := c.Check(t.Context(), "DeviceZone", "", []byte(raw)); len(got) > 0 {
			t.Errorf("%q: %v", raw, got)
		}
	}
}

// JSON knows no whole numbers: 3.0 is one, 3.5 is none, and neither is what no
// machine word holds.
func TestWholeNumbersAreWhole(t *testing.T) {
	c := newChecker(t)
	for number, sound := range map[string]bool{"3": true, "3.0": true, "3e0": true, "3.5": false, "1e300": false, "-1e300": false, "9223372036854775808": false} {
		object := strings.Replace(soundZone, `"role"`, `"securityLevel":{"target":`+number+`},"role"`, 1)
		if got := c.Check(t.Context(), "DeviceZone", "", []byte(object)); (len(got) == 0) != sound {
			t.Errorf("%s: %v", number, got)
		}
	}
}

func TestAnObjectIsNotChangedAndCheckedAlikeByMany(t *testing.T) {
	c := newChecker(t)
	object := []byte(with(t, soundZone, set("spec.role", "x")))
	before := string(object)
	want := c.Check(t.Context(), "DeviceZone", "", object)
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			for range 20 {
				if diff := cmp.Diff(want, c.Check(t.Context(), "DeviceZone", "", object)); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
	wait.Wait()
	if string(object) != before {
		t.Error("the object was changed")
	}
}
