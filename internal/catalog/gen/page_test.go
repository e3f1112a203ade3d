package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/medfence/medfence/internal/catalog"
	"github.com/medfence/medfence/internal/flow"
)

func TestTheDocsAreCurrent(t *testing.T) {
	t.Parallel()
	const path = "../../../docs/services.md"
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != page(catalog.Embedded().Services()) {
		t.Errorf("%s is out of date; run: go generate ./internal/catalog", path)
	}
}

func TestEveryServiceHasOneRow(t *testing.T) {
	t.Parallel()
	services := catalog.Embedded().Services()
	text := page(services)
	harmless, dangerous, ok := strings.Cut(text, "## Dangerous services")
	if !ok {
		t.Fatal("there is no chapter of dangerous services")
	}
	for _, s := range services {
		row := "\n| `" + s.Name + "` |"
		if strings.Count(harmless, row) != count(!s.Dangerous) || strings.Count(dangerous, row) != count(s.Dangerous) {
			t.Errorf("%s is not in one row of its chapter", s.Name)
		}
	}
}

func count(b bool) int {
	if b {
		return 1
	}
	return 0
}

func TestARowShowsWhatTheServiceIs(t *testing.T) {
	t.Parallel()
	text := page([]catalog.Service{
		{
			Name: "a", Title: "One | two", Source: "RFC 1", Encrypted: true, CallBack: "It calls.", Note: "A hint.",
			Endpoints: []catalog.Endpoint{
				{Protocol: flow.TCP, Ports: flow.PortSet{{Port: 1, End: 1}, {Port: 5, End: 9}}},
				{Protocol: flow.ICMP, ICMPTypes: []uint8{8, 128}},
			},
		},
		{Name: "b", Title: "Silent", Source: "S", CarriesPHI: true},
	})
	for _, want := range []string{
		"| `a` | One \\| two | TCP 1, 5-9; ICMP 8, 128 | yes | no | RFC 1 |\n",
		"| `b` | Silent |  | no | yes | S |\n",
		"- `a`: *Calls back:* It calls. A hint.\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(text, "- `b`:") {
		t.Error("b has nothing to note")
	}
}

func TestTheExampleOfTheDocsIsAGoodSiteFile(t *testing.T) {
	t.Parallel()
	blocks := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(site, -1)
	if len(blocks) != 1 {
		t.Fatalf("there are %d examples, want 1", len(blocks))
	}
	c, err := catalog.Embedded().With([]byte(blocks[0][1]))
	if err != nil {
		t.Fatal(err)
	}
	s, ok := c.Lookup("lab-astm")
	if !ok || !s.CarriesPHI || s.CallBack == "" || s.Note == "" || s.Source == "" {
		t.Errorf("lab-astm is %+v", s)
	}
	if got := listens(s.Endpoints); got != "TCP 5600, 5610-5619" {
		t.Errorf("it listens on %s", got)
	}
}

func TestThePageIsWrittenToTheFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "services.md")
	if err := write(path, "text"); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if err != nil || string(got) != "text" {
		t.Errorf("the file holds %q, %v", got, err)
	}
	if err := write(filepath.Join(path, "no-such-folder"), ""); err == nil {
		t.Error("a file that cannot be written gives no error")
	}
}
