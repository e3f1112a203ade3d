package hostile

import (
	"fmt"
	"strconv"
	"strings"
)

// Namespaces are those in which everything happens. The last two exist only if
// somebody creates them.
var Namespaces = []string{"hostile-a", "hostile-b", "hostile-c", "hostile-d", "hostile-e", "hostile-f"}

// zones are the names of zones; conduits and devices find them, or miss them by
// a letter.
var zones = []string{
	"icu", "icu-2", "imaging", "imaging-a", "pacs", "vendor", "infra", "baseline", "guard-icu", "x",
	strings.Repeat("z", 63), "0", "medfence",
}

var nearZones = []string{"icv", "imaging-aa", "ICU", "pacs.", "zone with spaces", strings.Repeat("z", 62), "медицина"}

var labelKeys = []string{
	"app", "tier", "app.kubernetes.io/name", "app.kubernetes.io/managed-by", "medfence.io/zone", "medfence.io/component",
	"host", "world", "reserved.x", "io.cilium.k8s.policy.cluster", "io.kubernetes.pod.namespace", "a/b", "X-Y_z.0",
	strings.Repeat("k", 63), strings.Repeat("d", 200) + ".io/" + strings.Repeat("k", 52),
}

var labelValues = []string{"", "a", "b", "medfence", "icu", "guard", "baseline", "1.0", "A_b-c.D", strings.Repeat("v", 63)}

var annotationKeys = []string{
	"medfence.io/permits", "medfence.io/conduits", "medfence.io/zone-uid", "medfence.io/intent", "medfence.io/stands-for",
	"medfence.io/unheard-of", "example.org/note", "k8s.v1.cni.cncf.io/networks",
}

var times = []string{
	"0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "2024-02-29T23:59:60Z", "2026-01-01T00:00:00+14:00",
	"2030-01-31T18:00:00.999999Z", "2100-06-01T12:00:00Z", "9999-12-31T23:59:59Z",
}

// alphabets are what strings are made of. Other scripts take up to four bytes a
// character; what turns or hides text must not reach a log or a terminal.
var alphabets = []string{
	"abcdefghij", "abcdefghij", "a-b.c_d", "A B\tC\nD", `"'{}[]<>&%$\`, "äöüßéñ", "日本語テキスト", "🩺💉😀", "\u202eשלום\u200b\ufeff", "%s%d%v", "\x01\x7f\u0085",
}

// text returns a string of so many characters: mostly few, some at the limits.
func (g *Generator) text(least, most int) string {
	n := most
	switch g.IntN(8) {
	case 0:
		n = least
	case 1:
	case 2:
		n = max(least, most-1)
	default:
		n = min(most, least+g.IntN(24))
	}
	alphabet := []rune(alphabets[g.IntN(len(alphabets))])
	var out strings.Builder
	for range n {
		out.WriteRune(alphabet[g.IntN(len(alphabet))])
	}
	return out.String()
}

// name returns the name of an object of a kind, from a pool.
func (g *Generator) name(kind string) string {
	switch {
	case kind == "DeviceZone":
		return g.pick(zones...)
	case g.chance(3):
		return strings.Repeat("n", 63) + "." + strings.Repeat("m", 180)
	}
	return fmt.Sprintf("%s-%02d", strings.ToLower(kind[:1]), g.IntN(60))
}

// zone returns the name of a zone, or almost.
func (g *Generator) zone() string {
	if g.chance(6) {
		return g.pick(nearZones...)
	}
	return g.pick(zones...)
}

// prefix returns a prefix that meets others: few networks, all lengths, with or
// without the form that the API asks for.
func (g *Generator) prefix() string {
	if g.chance(4) {
		return g.pick("10.0.0.1/8", "0.0.0.0/0", "::/0", "::ffff:10.0.0.0/104", "10.0.0.0", "2001:DB8::/32", "fe80::/10", "169.254.0.0/16", "10.0.0.0/33")
	}
	if g.chance(30) {
		bits := 32 + 8*g.IntN(13)
		if bits <= 48 {
			return fmt.Sprintf("2001:db8:%x::/%d", g.IntN(3), 48)
		}
		return fmt.Sprintf("2001:db8:%x::/%d", g.IntN(3), bits)
	}
	a, b, c := g.IntN(3), g.IntN(3), g.IntN(3)
	switch g.IntN(4) {
	case 0:
		return fmt.Sprintf("10.%d.0.0/16", a)
	case 1:
		return fmt.Sprintf("10.%d.%d.0/24", a, b)
	case 2:
		return fmt.Sprintf("10.%d.%d.%d/32", a, b, c)
	}
	return fmt.Sprintf("10.%d.%d.%d/28", a, b, 16*c)
}

// address returns an address of a device.
func (g *Generator) address() string {
	if g.chance(15) {
		return g.prefix()
	}
	if g.chance(20) {
		return fmt.Sprintf("2001:db8:%x::%x", g.IntN(3), 1+g.IntN(200))
	}
	return fmt.Sprintf("10.%d.%d.%d", g.IntN(3), g.IntN(3), 1+g.IntN(250))
}

// selector returns a label selector: few are as they should be by chance alone.
func (g *Generator) selector() any {
	out := map[string]any{}
	if g.chance(80) {
		labels := map[string]any{}
		for range 1 + g.IntN(2) {
			labels[g.pick("app", "app", "app", "tier", g.pick(labelKeys...))] = g.pick("a", "b", g.pick(labelValues...))
		}
		out["matchLabels"] = labels
	}
	if g.chance(25) {
		operator := g.pick("In", "NotIn", "Exists", "DoesNotExist", "Exists", "in", "")
		expression := map[string]any{"key": g.pick("app", "tier", "app", g.text(0, 70)), "operator": operator}
		if operator == "In" || operator == "NotIn" || g.chance(10) {
			values := []any{}
			for i := range g.size(1, 64) {
				values = append(values, g.pick("a", "b", "v"+strconv.Itoa(i)))
			}
			expression["values"] = values
		}
		out["matchExpressions"] = []any{expression}
	}
	return out
}

// unquote reads an enum's value.
func unquote(raw []byte) any {
	text, err := strconv.Unquote(string(raw))
	if err != nil {
		return string(raw)
	}
	return text
}
