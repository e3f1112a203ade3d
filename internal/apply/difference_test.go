package apply

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

func decode(t *testing.T, text string) map[string]any {
	t.Helper()
	out := map[string]any{}
	if err := yaml.Unmarshal([]byte(text), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestADifferenceIsToldInWords(t *testing.T) {
	const want = `
spec:
  podSelector: {matchLabels: {app.kubernetes.io/name: pump}}
  ingress:
  - from: [{podSelector: {}}]
    ports: [{port: 104}, {port: 11112}]
`
	cases := map[string]struct {
		want, live string
		words      []string
	}{
		"nothing differs": {want, want, nil},
		"a rule was added": {want, `
spec:
  podSelector: {matchLabels: {app.kubernetes.io/name: pump}}
  ingress:
  - from: [{podSelector: {}}]
    ports: [{port: 104}, {port: 11112}]
  - {}
`, []string{"spec.ingress[1] added"}},
		"a field and a label were changed, a port was removed": {want, `
spec:
  podSelector: {matchLabels: {app.kubernetes.io/name: other}}
  ingress:
  - from: []
    ports: [{port: 104}]
`, []string{
			"spec.ingress[0].from[0] removed",
			"spec.ingress[0].ports[1] removed",
			"spec.podSelector.matchLabels[app.kubernetes.io/name] changed",
		}},
		"a whole section was added":   {`spec: {}`, `spec: {egress: [{}]}`, []string{"spec.egress added"}},
		"a whole section was removed": {`spec: {egress: [{}]}`, `spec: {}`, []string{"spec.egress removed"}},
		"specs were added beside spec": {`spec: {a: 1}`, `{spec: {a: 1}, specs: [{}]}`,
			[]string{"specs added"}},
		"an empty rule became an empty list": {`spec: {ingress: [{}]}`, `spec: {ingress: []}`,
			[]string{"spec.ingress[0] removed"}},
		"a map became a list":      {`spec: {a: {}}`, `spec: {a: []}`, []string{"spec.a changed"}},
		"a list became a map":      {`spec: {a: []}`, `spec: {a: {}}`, []string{"spec.a changed"}},
		"a scalar became a map":    {`spec: {a: 1}`, `spec: {a: {}}`, []string{"spec.a changed"}},
		"a number became its text": {`spec: {port: 104}`, `spec: {port: "104"}`, []string{"spec.port changed"}},
		"null is absence":          {`spec: {a: null}`, `spec: {}`, nil},
		"status is not ours":       {`spec: {}`, `{spec: {}, status: {conditions: [{}]}}`, nil},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			live := &unstructured.Unstructured{Object: decode(t, tc.live)}
			got := compare(content{body: bodyOf(decode(t, tc.want))}, live)
			if diff := cmp.Diff(tc.words, got); diff != "" {
				t.Errorf("words (-want +got):\n%s", diff)
			}
		})
	}
}

func TestADifferenceOfMetadataIsToldInWords(t *testing.T) {
	want := content{
		labels:      map[string]string{"medfence.io/zone": "infusion", "team": "a"},
		annotations: map[string]string{"medfence.io/permits": "nothing"},
	}
	live := &unstructured.Unstructured{Object: map[string]any{}}
	live.SetLabels(map[string]string{"medfence.io/zone": "imaging", "medfence.io/mine": "x", "theirs": "y"})
	live.SetAnnotations(map[string]string{"their/note": "z"})
	live.SetFinalizers([]string{"example.com/hold"})
	live.SetOwnerReferences([]metav1.OwnerReference{{Kind: "Application", Name: "hospital"}})
	got := compare(want, live)
	if diff := cmp.Diff([]string{
		"label medfence.io/mine added",
		"label medfence.io/zone changed",
		"label team removed",
		"annotation medfence.io/permits removed",
		"owner reference to Application added",
		"finalizer example.com/hold added",
	}, got); diff != "" {
		t.Errorf("words (-want +got):\n%s", diff)
	}
}

func TestANoteNamesAFewDifferences(t *testing.T) {
	var words []string
	for i := range 5 {
		words = append(words, fmt.Sprintf("w%d", i))
	}
	for n, want := range map[int]string{0: "", 1: "w0", 3: "w0, w1, w2", 5: "w0, w1, w2 and 2 more"} {
		if got := note(words[:n]); got != want {
			t.Errorf("note of %d = %q, want %q", n, got, want)
		}
	}
}
