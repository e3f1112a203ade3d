package verdict

import (
	"encoding/json"
	"strings"
	"testing"

	slimmetav1 "github.com/cilium/cilium/pkg/k8s/slim/k8s/apis/meta/v1"
)

// selectors are good and bad ones, as JSON.
var selectors = []struct{ text, flaw string }{
	{`{}`, ""},
	{`{"matchLabels": {"app": "pump"}}`, ""},
	{`{"matchLabels": {"app": null}}`, ""},
	{`{"matchLabels": null, "matchExpressions": null}`, ""},
	{`{"matchExpressions": [{"key": "app", "operator": "In", "values": ["a", null]}]}`, ""},
	{`{"matchExpressions": [null]}`, ""},
	{`null`, " is null"},
	{`"app"`, " is no object"},
	{`{"matchlabels": {}}`, ` has a field "matchlabels"`},
	{`{"matchLabels": []}`, ".matchLabels is no object"},
	{`{"matchLabels": {"app": 1}}`, ".matchLabels[app] is no text"},
	{`{"matchLabels": {"b": {}, "a": []}}`, ".matchLabels[a] is no text"},
	{`{"matchExpressions": {}}`, ".matchExpressions is no list"},
	{`{"matchExpressions": [{"key": "app", "values": "a"}]}`, ".matchExpressions[0].values is no list"},
	{`{"matchExpressions": [{"key": "app", "value": ["a"]}]}`, `.matchExpressions[0] has a field "value"`},
	{`{"matchExpressions": [{"operator": true}]}`, ".matchExpressions[0].operator is no text"},
	{`{"matchExpressions": [{"values": [7]}]}`, ".matchExpressions[0].values[0] is no text"},
	{`{"matchExpressions": ["app"]}`, ".matchExpressions[0] is no object"},
}

func flawOf(t testing.TB, text string, inspect func(any) *flaw) string {
	t.Helper()
	var value any
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Fatal(err)
	}
	if found := inspect(value); found != nil {
		return found.Error()
	}
	return ""
}

func TestASelectorHasNoOtherFieldsThanItCanHave(t *testing.T) {
	for _, c := range selectors {
		if got := flawOf(t, c.text, inspectSelectors); got != c.flaw {
			t.Errorf("%s: %q, want %q", c.text, got, c.flaw)
		}
		inList := "[{}," + c.text + "]"
		want := ""
		if c.flaw != "" {
			want = "[1]" + c.flaw
		}
		if got := flawOf(t, inList, inspectSelectors); got != want {
			t.Errorf("%s: %q, want %q", inList, got, want)
		}
	}
}

func TestAFlawIsFoundWhereItIs(t *testing.T) {
	for _, c := range []struct{ text, flaw string }{
		{`{"ingress": [{"fromEndpoints": [{"matchLabels": {"a": 1}}]}]}`, ".ingress[0].fromEndpoints[0].matchLabels[a] is no text"},
		{`{"ingress": [{}, null]}`, ".ingress[1] is null"},
		{`{"egress": [{"icmps": [{"fields": [{"type": 8}, {"family": "IPv4"}]}]}]}`, ".egress[0].icmps[0].fields[1] has no type"},
		{`{"egress": [{"icmps": [{"fields": [{"type": 8, "code": 1}]}]}]}`, `.egress[0].icmps[0].fields[0] has a field "code"`},
		{`{"z": [null], "a": [null], "m": [null]}`, ".a[0] is null"},
		{`{"endpointSelector": {}, "labels": null}`, ""},
	} {
		for range 20 { // the order of a map is another each time
			if got := flawOf(t, c.text, inspect); got != c.flaw {
				t.Errorf("%s: %q, want %q", c.text, got, c.flaw)
			}
		}
	}
}

// FuzzSelector: a selector has a flaw if and only if a strict decoder of the type
// does not take it.
func FuzzSelector(f *testing.F) {
	for _, c := range selectors {
		f.Add(c.text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var value any
		if json.Unmarshal([]byte(text), &value) != nil || value == nil {
			return // null is refused by its place
		}
		raw, err := json.Marshal(value) // without what JSON allows twice
		if err != nil {
			t.Fatal(err)
		}
		found := inspectSelector(value)
		err = strict(raw, &slimmetav1.LabelSelector{})
		if (found == nil) != (err == nil) {
			t.Errorf("%s: the flaw %v, but a strict decoder says %v", raw, found, err)
		}
		if found != nil && strings.TrimSpace(found.Error()) == "" {
			t.Errorf("%s: a flaw without words", raw)
		}
	})
}
