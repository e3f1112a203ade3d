package object

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

// asYAML writes fields with the emitter.
func asYAML(t *testing.T, fields map[string]any) string {
	t.Helper()
	e := emitter{quoted: map[string]string{}}
	if err := e.object(fields); err != nil {
		t.Fatal(err)
	}
	return e.out.String()
}

var texts = []string{
	"", "a", "A", "yes", "no", "true", "null", "~", "1", "01", "0x1", "1e3", "1.5", "-", "-a", "?", ":", "a:b", "a: b", "#", "a#b", "@a", "`a", "%a",
	"&a", "*a", "!a", "|", ">", "{}", "[]", "'", "\"", "a'b", "10.0.0.0/8", "::1", "2026-01-01", "k8s:io.kubernetes.pod.namespace", "a10", "a9", "a-1",
	"a.b/c", "=", "<<", ".inf", ".nan", "0b1", "1_000", "12:30:45", "a b", " a", "a\nb", "ä", "\u2028", "medfence.io/zone", "on", "off", "y", "n", "Null",
	"a very long text with words that goes on and on until it is far beyond the eighty columns at which yaml wraps a line",
	"averylongtextwithoutanywordsthatgoesonandonuntilitisfarbeyondtheeightycolumnsatwhichyamlwrapsalineandbeyondthat",
}

// key returns a key. Those with a 0 have no order in the library, which leaves it
// to chance.
func key(r *rand.Rand) string {
	for {
		if k := texts[r.IntN(len(texts))]; !strings.Contains(k, "0") {
			return k
		}
	}
}

// ordered reports whether all keys have an order.
func ordered(value any) bool {
	switch v := value.(type) {
	case []any:
		return !slices.ContainsFunc(v, func(x any) bool { return !ordered(x) })
	case map[string]any:
		for k, x := range v {
			if strings.Contains(k, "0") || !ordered(x) {
				return false
			}
		}
	}
	return true
}

func anything(r *rand.Rand, depth int) any {
	switch n := r.IntN(9); {
	case depth > 4 || n < 3:
		return texts[r.IntN(len(texts))]
	case n == 3:
		return []any{nil, true, false, 0.0, 1.0, -7.0, 65535.0, 1.5, 1e9, 1e21}[r.IntN(10)]
	case n < 6:
		out := []any{}
		for range r.IntN(4) {
			out = append(out, anything(r, depth+1))
		}
		return out
	}
	out := map[string]any{}
	for range r.IntN(4) {
		out[key(r)] = anything(r, depth+1)
	}
	return out
}

// The bytes are those of sigs.k8s.io/yaml, whatever the values are.
func TestTheEmitterWritesAsTheLibraryDoes(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 5_000 {
		fields := map[string]any{}
		for range 1 + r.IntN(4) {
			fields[key(r)] = anything(r, 0)
		}
		checkYAML(t, fields)
	}
}

// checkYAML compares the emitter with the library, or, where that does not take
// the characters, with what is read again.
func checkYAML(t *testing.T, fields map[string]any) {
	t.Helper()
	got := asYAML(t, fields)
	raw, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.ContainsFunc(raw, mustBeEscaped) {
		readAgain(t, fields, got)
		return
	}
	want, err := yaml.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Fatalf("(-library +emitter):\n%s", diff)
	}
}

// readAgain reads what was written. The library takes no key << for what it is,
// and writes it without quotes.
func readAgain(t *testing.T, fields map[string]any, text string) {
	t.Helper()
	if strings.Contains(text, "<<:") {
		return
	}
	var back map[string]any
	if err := yaml.Unmarshal([]byte(text), &back); err != nil {
		t.Fatalf("what was written cannot be read: %v\n%s", err, text)
	}
	if diff := cmp.Diff(fields, back); diff != "" {
		t.Fatalf("(-given +read again):\n%s", diff)
	}
}

// A text of somebody's object may hold what YAML takes as an escape only: for
// that the library writes nothing, or a space.
func TestTheEmitterWritesEveryCharacter(t *testing.T) {
	for r := rune(0); r <= 0xffff; r++ {
		if r == 0x3000 {
			r = 0xfb00 // between them are letters
		}
		s := "a" + string(r) + "b"
		fields := map[string]any{"path": s, "x" + s: []any{s}, "metadata": map[string]any{"annotations": map[string]any{"a b": s}}}
		readAgain(t, fields, asYAML(t, fields))
	}
	const want = `path: "/a\x7Fb\x80c\Nd\uFFFE"` + "\n"
	if got := asYAML(t, map[string]any{"path": "/a\u007fb\u0080c\u0085d\ufffe"}); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func FuzzEmitter(f *testing.F) {
	f.Add(`{"spec":{"a":[{"b":1},["c"]],"10":null}}`)
	f.Add("{\"spec\":{\"a\":\"b\u007f c\",\"d\u0085\":\"\uffff\"}}")
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 1000 {
			return // the library does not read keys of 1,024 characters
		}
		var fields map[string]any
		if json.Unmarshal([]byte(text), &fields) != nil || len(fields) == 0 || !ordered(fields) {
			return
		}
		checkYAML(t, fields)
	})
}
