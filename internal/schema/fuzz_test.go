package schema_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/medfence/medfence/internal/schema"
)

// FuzzCheck: whatever is in a manifest, the checker says the same twice, and of
// every violation what is wrong.
func FuzzCheck(f *testing.F) {
	for _, seed := range []string{soundZone, soundDevice, soundConduit, `{}`, `null`, `[]`, `{"metadata":[]}`, `{"metadata":{"name":1}}`,
		`{"spec":{"members":{"cidrs":[{"a":1}]}}}`, `{"spec":1e400}`, `{"spec":{"role":"Device","securityLevel":{"target":2.5}}}`,
		`{"metadata":{"name":"a","managedFields":[{"fieldsV1":1}]},"spec":{"services":[null]}}`} {
		f.Add([]byte(seed))
	}
	checker, err := schema.New()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		for _, kind := range []string{"DeviceZone", "MedicalDevice", "Conduit", "Pod"} {
			first := checker.Check(t.Context(), kind, "icu", raw)
			if diff := cmp.Diff(first, checker.Check(t.Context(), kind, "icu", raw)); diff != "" {
				t.Errorf("%s: (-first +second)\n%s", kind, diff)
			}
			for _, v := range first {
				if v.Message == "" {
					t.Errorf("%s: %q is wrong, and nothing says why", kind, v.Path)
				}
			}
			if kind == "Pod" && len(first) > 0 {
				t.Errorf("a pod is none of our kinds, and has %v", first)
			}
			if object := map[string]any{}; json.Unmarshal(raw, &object) == nil && object["spec"] == nil && kind != "Pod" && len(first) == 0 {
				t.Errorf("%s without a spec is sound", kind)
			}
		}
	})
}
