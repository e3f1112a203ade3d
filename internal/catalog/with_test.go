package catalog

import (
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestASiteFileAddsAndReplacesWholeEntries(t *testing.T) {
	t.Parallel()
	base := small(t)
	before := base.Services()
	c, err := base.With([]byte(`
services:
- name: lab-astm
  title: Analysers to the laboratory
  endpoints:
  - protocol: TCP
    ports: ["5610-5619", 5600, " 5620 - 5621 ", "5619"]
  carriesPHI: true
  callBack: Orders are downloaded by the laboratory system.
- name: dns
  endpoints: [{protocol: TCP, ports: [853]}]
  encrypted: true
`))
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"dns", "echo", "lab-astm", "smb"}; !slices.Equal(c.Names(), want) {
		t.Errorf("names are %q, want %q", c.Names(), want)
	}
	lab, _ := c.Lookup("lab-astm")
	if got := listens(lab); got != "TCP:5600,5610-5621" || !lab.CarriesPHI || lab.CallBack == "" {
		t.Errorf("lab-astm is %+v", lab)
	}
	dns, _ := c.Lookup("dns")
	if got := listens(dns); got != "TCP:853" || !dns.Encrypted {
		t.Errorf("dns is %+v, the old UDP endpoint must be gone", dns)
	}
	if diff := cmp.Diff(before, base.Services()); diff != "" {
		t.Errorf("the catalogue below changed (-want +got):\n%s", diff)
	}
}

func TestTheOrderOfTheEntriesDoesNotMatter(t *testing.T) {
	t.Parallel()
	entries := []string{
		"{name: b, endpoints: [{protocol: TCP, ports: [1]}]}",
		"{name: a, endpoints: [{protocol: UDP, ports: [2, 3]}]}",
		"{name: smb, dangerous: true, endpoints: [{protocol: TCP, ports: [139, 445, 446]}]}",
	}
	first, err := small(t).With([]byte("services: [" + strings.Join(entries, ", ") + "]"))
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(entries)
	second, err := small(t).With([]byte("services: [" + strings.Join(entries, ", ") + "]"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(first.Services(), second.Services()); diff != "" {
		t.Errorf("(-first +second):\n%s", diff)
	}
}

func TestSiteFilesStack(t *testing.T) {
	t.Parallel()
	region := []byte("services: [{name: lab, title: Region, endpoints: [{protocol: TCP, ports: [1]}]}]")
	ward := []byte("services: [{name: lab, title: Ward, endpoints: [{protocol: TCP, ports: [2]}]}]")
	for want, files := range map[string][2][]byte{"Ward": {region, ward}, "Region": {ward, region}} {
		c := small(t)
		for _, file := range files {
			var err error
			if c, err = c.With(file); err != nil {
				t.Fatal(err)
			}
		}
		if s, _ := c.Lookup("lab"); s.Title != want || len(c.Names()) != 4 {
			t.Errorf("the last file should win: %q, want %q of %q", s.Title, want, c.Names())
		}
	}
}

func TestAMarkThatASiteFileSetIsKeptByTheNext(t *testing.T) {
	t.Parallel()
	c, err := small(t).With([]byte(
		"services: [{name: anydesk, dangerous: true, endpoints: [{protocol: TCP, ports: [7070]}]}]"))
	if err != nil {
		t.Fatal(err)
	}
	if s, ok := c.DangerousAt("TCP", c.Services()[0].Endpoints[0].Ports[0]); !ok || s.Name != "anydesk" {
		t.Errorf("TCP 7070 is %q, want anydesk", s.Name)
	}
	if _, err := c.With([]byte("services: [{name: anydesk, endpoints: [{protocol: TCP, ports: [7070]}]}]")); err == nil {
		t.Error("the mark was taken off silently")
	}
}

func TestLinesAreThoseOfTheFile(t *testing.T) {
	t.Parallel()
	_, err := small(t).With([]byte(`# The laboratory.
services:
# Analysers.
- name: lab
  endpoints:
  - protocol: TCP
    ports:
    - 5600
    - 70000
- name: scanner

  encypted: true
  endpoints: [{protocol: TCP,
    prots: [104]}]
`))
	want := `line 9: services[0] "lab" endpoints[0] ports[1]: "70000" is not a port; write a number from 1 to 65535, ` +
		`or a range such as "2000-2010"
line 12: services[1] "scanner": there is no field "encypted"; write encrypted
line 14: services[1] "scanner" endpoints[0]: there is no field "prots"; write ports`
	if got := message(err); got != want {
		t.Errorf("the error is\n%s\nwant\n%s", got, want)
	}
}

func TestACatalogueMayBeSharedByGoroutines(t *testing.T) {
	t.Parallel()
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			c := Embedded()
			c.Services()[0].Endpoints[0].Protocol = "spoilt"
			if _, err := c.With([]byte("services: [{name: x, endpoints: [{protocol: TCP, ports: [1]}]}]")); err != nil {
				t.Error(err)
			}
			c.Nearest("dcom")
			c.DangerousAt("TCP", c.Services()[1].Endpoints[0].Ports[0])
		})
	}
	group.Wait()
}

func TestAnEmptyListChangesNothing(t *testing.T) {
	t.Parallel()
	c, err := Embedded().With([]byte("# nothing yet\nservices: []\n"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Embedded().Services(), c.Services()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestADangerousServiceKeepsItsMarkUnlessANoteSaysWhy(t *testing.T) {
	t.Parallel()
	const refusal = `line 1: services[0] "smb": the entry replaces a dangerous service and leaves its ports no ` +
		`longer dangerous; keep dangerous: true with all its ports, or say in note why it is safe here`
	for name, tc := range map[string]struct {
		entry string
		want  string
	}{
		"the mark is gone": {`{name: smb, endpoints: [{protocol: TCP, ports: [139, 445]}]}`, refusal},
		"the mark is taken off": {
			`{name: smb, dangerous: false, endpoints: [{protocol: TCP, ports: [139, 445]}]}`, refusal},
		"a port is gone": {`{name: smb, dangerous: true, endpoints: [{protocol: TCP, ports: [445]}]}`, refusal},
		"the protocol is another": {
			`{name: smb, dangerous: true, endpoints: [{protocol: UDP, ports: [139, 445]}]}`, refusal},
		"a note that is empty": {
			`{name: smb, note: "", endpoints: [{protocol: TCP, ports: [445]}]}`,
			`line 1: services[0] "smb" note: the text is empty; write one or remove the field` + "\n" + refusal},
		"a note says why": {
			`{name: smb, note: Only the scanner's share, endpoints: [{protocol: TCP, ports: [445]}]}`, ""},
		"more ports": {`{name: smb, dangerous: true, endpoints: [{protocol: TCP, ports: ["139-445"]}]}`, ""},
		"another protocol too": {`{name: smb, dangerous: true, endpoints: [
			{protocol: UDP, ports: [137]}, {protocol: TCP, ports: [139, 445]}]}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := small(t).With([]byte("services: [" + tc.entry + "]"))
			if got := message(err); got != tc.want {
				t.Errorf("the error is\n%s\nwant\n%s", got, tc.want)
			}
		})
	}
}

func TestADangerousICMPServiceKeepsItsTypes(t *testing.T) {
	t.Parallel()
	base, err := small(t).With([]byte(
		"services: [{name: redirect, dangerous: true, endpoints: [{protocol: ICMP, icmpTypes: [5, 137]}]}]"))
	if err != nil {
		t.Fatal(err)
	}
	for types, refused := range map[string]bool{"[5, 137, 138]": false, "[5]": true} {
		_, err := base.With([]byte(
			"services: [{name: redirect, dangerous: true, endpoints: [{protocol: ICMP, icmpTypes: " + types + "}]}]"))
		if (err != nil) != refused {
			t.Errorf("types %s: %v", types, err)
		}
	}
}

func TestAnEntryOfANewNameDoesNotHideADangerousPort(t *testing.T) {
	t.Parallel()
	c, err := small(t).With([]byte("services: [{name: a-share, endpoints: [{protocol: TCP, ports: [445]}]}]"))
	if err != nil {
		t.Fatal(err)
	}
	share, _ := c.Lookup("a-share")
	if s, ok := c.DangerousAt("TCP", share.Endpoints[0].Ports[0]); !ok || s.Name != "smb" {
		t.Errorf("the port of a-share is %q, want smb", s.Name)
	}
}

func message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
