package catalog

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/medfence/medfence/internal/flow"
)

// small is a catalogue of three services, one of them dangerous.
func small(t *testing.T) *Catalogue {
	t.Helper()
	c, err := (*Catalogue)(nil).With([]byte(`
services:
- {name: smb, title: Shares, endpoints: [{protocol: TCP, ports: [445, 139]}], dangerous: true, source: S}
- {name: dns, endpoints: [{protocol: UDP, ports: [53]}, {protocol: TCP, ports: [53]}]}
- {name: echo, endpoints: [{protocol: ICMP, icmpTypes: [128, 8, 8]}]}
`))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestLookupFindsExactNames(t *testing.T) {
	t.Parallel()
	c := small(t)
	want := Service{
		Name: "smb", Title: "Shares", Dangerous: true, Source: "S",
		Endpoints: []Endpoint{{Protocol: flow.TCP, Ports: flow.PortSet{{Port: 139, End: 139}, {Port: 445, End: 445}}}},
	}
	got, ok := c.Lookup("smb")
	if diff := cmp.Diff(want, got); !ok || diff != "" {
		t.Errorf("Lookup(smb) = %t, (-want +got):\n%s", ok, diff)
	}
	for _, name := range []string{"", "sm", "smbb", "SMB", "zzz", "a"} {
		if got, ok := c.Lookup(name); ok {
			t.Errorf("Lookup(%q) found %v", name, got)
		}
	}
}

func TestICMPTypesAreSortedAndNotRepeated(t *testing.T) {
	t.Parallel()
	s, _ := small(t).Lookup("echo")
	if want := []uint8{8, 128}; !slices.Equal(s.Endpoints[0].ICMPTypes, want) {
		t.Errorf("types are %v, want %v", s.Endpoints[0].ICMPTypes, want)
	}
}

func TestTitleAndSourceHaveDefaults(t *testing.T) {
	t.Parallel()
	s, _ := small(t).Lookup("dns")
	if s.Title != "dns" || s.Source != "Site file" {
		t.Errorf("title %q, source %q", s.Title, s.Source)
	}
}

func TestNamesAndServicesAreSorted(t *testing.T) {
	t.Parallel()
	c := small(t)
	want := []string{"dns", "echo", "smb"}
	if got := c.Names(); !slices.Equal(got, want) {
		t.Errorf("Names() = %q, want %q", got, want)
	}
	var got []string
	for _, s := range c.Services() {
		got = append(got, s.Name)
	}
	if !slices.Equal(got, want) {
		t.Errorf("Services() are %q, want %q", got, want)
	}
}

func TestWhatIsHandedOutIsACopy(t *testing.T) {
	t.Parallel()
	c := small(t)
	before := c.Services()
	spoil := func(s Service) {
		for i := range s.Endpoints {
			for j := range s.Endpoints[i].Ports {
				s.Endpoints[i].Ports[j].Port = 1
			}
			for j := range s.Endpoints[i].ICMPTypes {
				s.Endpoints[i].ICMPTypes[j] = 1
			}
			s.Endpoints[i].Protocol = flow.SCTP
		}
	}
	for _, name := range c.Names() {
		s, _ := c.Lookup(name)
		spoil(s)
	}
	for _, s := range c.Services() {
		spoil(s)
	}
	s, _ := c.DangerousAt(flow.TCP, flow.PortRange{Port: 445, End: 445})
	spoil(s)
	c.Names()[0] = "spoilt"
	if diff := cmp.Diff(before, c.Services()); diff != "" {
		t.Errorf("the catalogue changed (-want +got):\n%s", diff)
	}
}

func TestDangerousAtLooksAtPortsNotNames(t *testing.T) {
	t.Parallel()
	c := small(t)
	for name, tc := range map[string]struct {
		protocol flow.Protocol
		ports    flow.PortRange
		want     string
	}{
		"the port itself":             {flow.TCP, flow.PortRange{Port: 445, End: 445}, "smb"},
		"its other port":              {flow.TCP, flow.PortRange{Port: 139, End: 139}, "smb"},
		"a range around it":           {flow.TCP, flow.PortRange{Port: 1, End: 65535}, "smb"},
		"a range that begins at it":   {flow.TCP, flow.PortRange{Port: 445, End: 500}, "smb"},
		"a range that ends at it":     {flow.TCP, flow.PortRange{Port: 400, End: 445}, "smb"},
		"a range just below it":       {flow.TCP, flow.PortRange{Port: 400, End: 444}, ""},
		"a range just above it":       {flow.TCP, flow.PortRange{Port: 446, End: 500}, ""},
		"a range between its ports":   {flow.TCP, flow.PortRange{Port: 140, End: 444}, ""},
		"another protocol":            {flow.UDP, flow.PortRange{Port: 445, End: 445}, ""},
		"ICMP":                        {flow.ICMP, flow.PortRange{}, ""},
		"a service that is harmless":  {flow.TCP, flow.PortRange{Port: 53, End: 53}, ""},
		"a range that contains none":  {flow.TCP, flow.PortRange{Port: 500, End: 400}, ""},
		"an inverted range around it": {flow.TCP, flow.PortRange{Port: 446, End: 444}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, ok := c.DangerousAt(tc.protocol, tc.ports)
			if got.Name != tc.want || ok != (tc.want != "") {
				t.Errorf("DangerousAt(%s, %s) = %q, %t, want %q", tc.protocol, tc.ports, got.Name, ok, tc.want)
			}
		})
	}
}

func TestNearestNamesAService(t *testing.T) {
	t.Parallel()
	for got, want := range map[string]string{
		"dcom": "dicom", "dicomtls": "dicom-tls", "hl7_mllp": "hl7-mllp", "sylsog": "syslog", "refrigerator": "",
	} {
		if name := Embedded().Nearest(got); name != want {
			t.Errorf("Nearest(%q) = %q, want %q", got, name, want)
		}
	}
}

func TestANilCatalogueIsEmpty(t *testing.T) {
	t.Parallel()
	var c *Catalogue
	if _, ok := c.Lookup("dicom"); ok {
		t.Error("Lookup found something")
	}
	if _, ok := c.DangerousAt(flow.TCP, flow.PortRange{Port: 1, End: 65535}); ok {
		t.Error("DangerousAt found something")
	}
	if len(c.Names()) != 0 || len(c.Services()) != 0 || c.Nearest("dicom") != "" {
		t.Error("it has names")
	}
	with, err := c.With([]byte("services: [{name: x, endpoints: [{protocol: TCP, ports: [1]}]}]"))
	if err != nil || !slices.Equal(with.Names(), []string{"x"}) {
		t.Errorf("With gave %v, %v", with.Names(), err)
	}
}
