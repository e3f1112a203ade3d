package catalog

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestHostileFilesAreRefusedQuickly(t *testing.T) {
	t.Parallel()
	bomb := "a: &a [x,x,x,x,x,x,x,x,x]\n"
	for i := 'b'; i < 'z'; i++ {
		bomb += fmt.Sprintf("%c: &%c [%s]\n", i, i, strings.Repeat(fmt.Sprintf("*%c,", i-1), 9))
	}
	// A quarter of the limit shows what grows faster than the file, in less time.
	fill := func(unit string) string { return strings.Repeat(unit, maxFileBytes/4/len(unit)) }
	for name, file := range map[string]string{
		"100 MB":               strings.Repeat("services: []\n", 8<<20),
		"alias bomb":           bomb + "services: *y\n",
		"alias to itself":      "services: &a [*a]",
		"deep lists":           "services: " + fill("["),
		"deep mappings":        "services: " + fill("{a: "),
		"deep block lists":     "services:\n" + fill("- "),
		"deep block mappings":  fill("? "),
		"deep, and closed":     "services: " + strings.Repeat("[", 9000) + strings.Repeat("]", 9000),
		"many unknown fields":  "services: [{" + fill("a: 1, ") + "}]",
		"many services":        "services: [" + fill("{},") + "]",
		"many documents":       fill("---\n"),
		"many anchors":         "services: [" + fill("&a x,") + "]",
		"one endless name":     "services: [{name: " + fill("a") + "}]",
		"one endless field":    "services: [{" + fill("a") + ": x}]",
		"endless quotes":       "services: \"" + fill(`\"`),
		"comments after value": "services: x " + fill("#\n"),
		"comments in a list":   "services:\n" + fill("#\n- x\n"),
		"tabs":                 fill("\t"),
		"NUL bytes":            fill("\x00"),
		"invalid UTF-8":        "services: [\xff\xfe" + fill("\xc0"),
		"UTF-16":               "\xff\xfe" + fill("[\x00"),
		"tags":                 "services: [" + fill("!!binary x,") + "]",
		"directives":           fill("%YAML 1.1\n"),
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			_, err := Embedded().With([]byte(file))
			if err == nil {
				t.Fatal("the file was accepted")
			}
			if len(err.Error()) > 16<<10 {
				t.Errorf("the error has %d bytes", len(err.Error()))
			}
			if took := time.Since(start); took > time.Minute {
				t.Errorf("it took %s", took)
			}
			t.Logf("%s: %.120s", time.Since(start).Round(time.Millisecond), err)
		})
	}
}

func TestTheSizeLimitIsExact(t *testing.T) {
	t.Parallel()
	file := "services: []\n"
	padded := file + strings.Repeat(" ", maxFileBytes-len(file))
	if _, err := Embedded().With([]byte(padded)); err != nil {
		t.Errorf("%d bytes: %v", len(padded), err)
	}
	_, err := Embedded().With([]byte(padded + " "))
	want := "the file has 1048577 bytes; a catalogue has at most 1048576: remove what is not a service"
	if message(err) != want {
		t.Errorf("the error is %v, want %s", err, want)
	}
}

func TestAFullFileIsAccepted(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("services:\n")
	for i := range 1000 {
		fmt.Fprintf(&b, "- {name: vendor-%d, endpoints: [{protocol: TCP, ports: [%d, \"2000-2010\"]}]}\n", i, i+1)
	}
	c, err := Embedded().With([]byte(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := len(c.Names()), len(Embedded().Names())+1000; got != want {
		t.Errorf("%d services, want %d", got, want)
	}
}
