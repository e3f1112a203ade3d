package apply

import (
	"encoding/json"
	"reflect"
	"testing"

	utiljson "k8s.io/apimachinery/pkg/util/json"
)

// texts are values as JSON: what policies hold, and what makes encoders differ.
var texts = []string{
	`{}`, `[]`, `null`, `true`, `""`, `0`, `-7`, `1.5`, `1e300`, `9007199254740993`,
	`{"b":1,"a":[null,{"c":null}],"z":null}`,
	`"<script>&\"\\"`, `"\u2028\u0000\u007f é 日本"`, `{"<&>":{"\u2029":"\t\n"}}`,
	`{"specs":[{"endpointSelector":{"matchExpressions":[{"key":"k8s:app","operator":"In","values":["pump"]}]},"ingressDeny":[{}],"enableDefaultDeny":{"egress":false}}]}`,
}

func valueOf(t testing.TB, text string) any {
	t.Helper()
	var value any
	if err := utiljson.Unmarshal([]byte(text), &value); err != nil {
		t.Fatal(err)
	}
	return value
}

// checkJSON compares with encoding/json: objects bear hashes that were made with
// it.
func checkJSON(t *testing.T, value any) {
	t.Helper()
	want, err := json.Marshal(withoutNull(value))
	if err != nil {
		t.Fatal(err)
	}
	if got := appendJSON([]byte("before "), value); string(got) != "before "+string(want) {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestJSONIsThatOfTheLibraryWithoutNullFields(t *testing.T) {
	for _, text := range texts {
		checkJSON(t, valueOf(t, text))
	}
	for c := range rune(0x300) {
		checkJSON(t, string(c))
	}
	checkJSON(t, "\xff\xfe broken")
	labels := map[string]string{"b": "<2>", "a": "1", "": "é"}
	want, err := json.Marshal(labels)
	if err != nil {
		t.Fatal(err)
	}
	if got := appendTexts(nil, labels); string(got) != string(want) {
		t.Errorf("%s, want %s", got, want)
	}
}

// What stands in clusters bears hashes of earlier versions: another hash of the
// same content would look like somebody else's change of everything.
func TestAHashIsTheSameInEveryVersion(t *testing.T) {
	body, _ := valueOf(t, `{"spec":{"podSelector":{"matchLabels":{"app":"pump<1>"}},"ingress":[{"ports":[{"port":5000,"protocol":"TCP"}],"from":null}],"policyTypes":["Ingress"]}}`).(map[string]any)
	c := content{
		body:        body,
		labels:      map[string]string{"medfence.io/zone": "icu", "team": "theirs"},
		annotations: map[string]string{"medfence.io/zone-uid": "u-1", AnnotationIntent: "old"},
	}
	if got, want := c.hash(key{"NetworkPolicy", "icu", "medfence-pump"}), "894dc2368b575502"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestSameTakesNullForAbsent(t *testing.T) {
	values := []any{}
	for _, text := range append(texts, `{"b":1,"a":[null,{}]}`, `{"b":1,"a":[{}]}`, `[null]`, `[0]`, `{"a":false}`, `{"a":0}`, `{"a":""}`) {
		values = append(values, valueOf(t, text))
	}
	for _, a := range values {
		for _, b := range values {
			if got, want := same(a, b), reflect.DeepEqual(withoutNull(a), withoutNull(b)); got != want {
				t.Errorf("%v and %v: %t, want %t", a, b, got, want)
			}
		}
	}
}

func FuzzJSON(f *testing.F) {
	for i, text := range texts {
		f.Add(text, texts[(i+1)%len(texts)])
	}
	f.Fuzz(func(t *testing.T, first, second string) {
		var a, b any
		if utiljson.Unmarshal([]byte(first), &a) != nil || utiljson.Unmarshal([]byte(second), &b) != nil {
			return
		}
		checkJSON(t, a)
		if got, want := same(a, b), reflect.DeepEqual(withoutNull(a), withoutNull(b)); got != want {
			t.Errorf("%s and %s: %t, want %t", first, second, got, want)
		}
	})
}
