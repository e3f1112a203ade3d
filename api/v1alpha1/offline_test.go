package v1alpha1_test

import (
	"strings"
	"testing"

	"github.com/medfence/medfence/internal/schema"
)

// What the API server refuses, the checker of manifests refuses as well, in the
// same words and at the same field; and nothing else.
func TestManifestsAreRefusedAsByTheAPIServer(t *testing.T) {
	checker, err := schema.New()
	if err != nil {
		t.Fatal(err)
	}
	refused := 0
	for kind, cases := range map[string]map[string]ruleCase{
		"DeviceZone": deviceZoneCases(), "MedicalDevice": medicalDeviceCases(), "Conduit": conduitCases(),
	} {
		for name, tc := range cases {
			t.Run(kind+"/"+name, func(t *testing.T) {
				data, err := manifest(t, kind, "x", tc.spec).MarshalJSON()
				if err != nil {
					t.Fatal(err)
				}
				var got []string
				for _, v := range checker.Check(t.Context(), kind, "", data) {
					got = append(got, v.Path+": "+v.Message)
				}
				if len(tc.want) == 0 && len(got) > 0 {
					t.Errorf("refused: %v", got)
				}
				if len(tc.want) > 0 {
					refused++
				}
				for _, want := range tc.want {
					if want != unchecked && !said(got, strings.Replace(want, "Required value", "the field is required", 1)) {
						t.Errorf("the API server says %q; the checker says %q", want, got)
					}
				}
			})
		}
	}
	if refused < 50 {
		t.Errorf("only %d cases are refused", refused)
	}
}

// said reports whether one of the answers is at the field, and says what is
// wanted.
func said(got []string, want string) bool {
	path, message, _ := strings.Cut(want, ": ")
	path = strings.TrimPrefix(path, "<nil>")
	message = message[strings.LastIndex(message, ": ")+1:]
	for _, g := range got {
		if strings.HasPrefix(g, path) && strings.Contains(strings.ToLower(g), strings.ToLower(strings.TrimSpace(message))) {
			return true
		}
	}
	return false
}
