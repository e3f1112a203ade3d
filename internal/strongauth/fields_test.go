package strongauth

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
)

// harmless are fields that weaken nothing, whatever they say.
var harmless = map[string][]string{
	"devicezones":    {"spec.role", "spec.securityLevel", "spec.owner", "spec.description"}, // a role cannot be changed
	"conduits":       {"spec.purpose", "spec.dataClass"},
	"medicaldevices": {"spec.criticality", "spec.identity", "spec.dataClass"},
}

// fieldsOf lists the fields of a spec; it goes into those that only hold others.
func fieldsOf(prefix string, t reflect.Type) []string {
	var out []string
	for field := range t.Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		of := field.Type
		if of.Kind() == reflect.Pointer {
			of = of.Elem()
		}
		switch of {
		case reflect.TypeFor[medfencev1alpha1.ZoneMembers](), reflect.TypeFor[medfencev1alpha1.ConduitEnd](), reflect.TypeFor[medfencev1alpha1.DeviceWorkload]():
			out = append(out, fieldsOf(prefix+"."+name, of)...)
		default:
			out = append(out, prefix+"."+name)
		}
	}
	return out
}

// A field that the API gains weakens, or does not: somebody must say so.
func TestEveryFieldIsLookedAtOrHarmless(t *testing.T) {
	specs := map[string]reflect.Type{
		"devicezones":    reflect.TypeFor[medfencev1alpha1.DeviceZoneSpec](),
		"conduits":       reflect.TypeFor[medfencev1alpha1.ConduitSpec](),
		"medicaldevices": reflect.TypeFor[medfencev1alpha1.MedicalDeviceSpec](),
	}
	for _, k := range kinds() {
		fields := fieldsOf("spec", specs[k.plural])
		// Paths are written with optional fields, and without.
		said := strings.ReplaceAll(k.weakens, ".?", ".")
		for _, f := range fields {
			looked := strings.Contains(said, "variables.now."+f) && strings.Contains(said, "variables.was."+f)
			if looked == slices.Contains(harmless[k.plural], f) {
				t.Errorf("%s: %s is looked at: %v, and harmless: %v; it must be one of the two", k.plural, f, looked, !looked)
			}
		}
		for _, f := range harmless[k.plural] {
			if !slices.Contains(fields, f) {
				t.Errorf("%s has no %s", k.plural, f)
			}
		}
		if k.plural != "devicezones" && strings.Contains(said, "spec.role") {
			t.Errorf("%s have no role", k.plural)
		}
		delete(specs, k.plural)
	}
	if len(specs) > 0 {
		t.Errorf("no policy looks at %v", slices.Collect(maps.Keys(specs)))
	}
}
