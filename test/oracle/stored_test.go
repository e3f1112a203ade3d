package oracle

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

func TestYAMLAndJSONAreReadAlike(t *testing.T) {
	manifests := []string{baseline, baselineByName, denyGuests, conduits, guard}
	for _, m := range allowAlls {
		manifests = append(manifests, m)
	}
	for doc := range strings.SplitSeq(strings.Join(manifests, "\n---"), "\n---") {
		written := decodeTyped(t, doc)
		raw, err := yaml.Marshal(written)
		if err != nil {
			t.Fatal(err)
		}
		byYAML, byJSON := decodeTyped(t, string(raw)), decodeTyped(t, string(raw))
		if err := read(written, byJSON); err != nil {
			t.Fatal(err)
		}
		a, _ := yaml.Marshal(byYAML)
		b, _ := yaml.Marshal(byJSON)
		if diff := cmp.Diff(string(a), string(b)); diff != "" {
			t.Errorf("%s (-YAML +JSON):\n%s", describe(written), diff)
		}
	}
}

func TestAPolicyIsJudgedAlikeTypedAndUnstructured(t *testing.T) {
	for name, m := range allowAlls {
		w := hospitalWorld(t, baseline, m)
		w.Policies[1] = decodeTyped(t, m)
		j, err := Cilium(w)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		checkFlows(t, j, []flowCase{{"guest", "gateway", "tcp/80", true}, {"gateway", "internet", "tcp/80", true}})
	}
}
