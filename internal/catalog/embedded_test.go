package catalog

import (
	"strings"
	"testing"

	"github.com/medfence/medfence/internal/flow"
)

// A fact is what the world knows of a service, written down a second time.
type fact struct {
	listens                         string
	encrypted, dangerous, callsBack bool
}

func TestTheEmbeddedCatalogueHoldsTheFieldsServices(t *testing.T) {
	t.Parallel()
	// What the issue and the acceptance matrices name, as facts of their own.
	for name, tc := range map[string]fact{
		"dicom":               {listens: "TCP:104,11112", callsBack: true},
		"dicom-tls":           {listens: "TCP:2762", encrypted: true, callsBack: true},
		"dicomweb":            {listens: "TCP:443", encrypted: true},
		"hl7-mllp":            {listens: "TCP:2575"},
		"hl7-mllp-tls":        {listens: "TCP:2575", encrypted: true},
		"fhir":                {listens: "TCP:443", encrypted: true, callsBack: true},
		"sdc-discovery":       {listens: "UDP:3702", callsBack: true},
		"sdc":                 {listens: "TCP:49152-65535", encrypted: true, callsBack: true},
		"intellivue-export":   {listens: "UDP:24105"},
		"intellivue-announce": {listens: "UDP:24005"},
		"bd-alaris-sm":        {listens: "TCP:3613"},
		"https":               {listens: "TCP:443", encrypted: true},
		"http":                {listens: "TCP:80"},
		"dns":                 {listens: "UDP:53 TCP:53"},
		"dhcp":                {listens: "UDP:67", callsBack: true},
		"ntp":                 {listens: "UDP:123"},
		"nts-ke":              {listens: "TCP:4460", encrypted: true},
		"ptp":                 {listens: "UDP:319-320", callsBack: true},
		"syslog":              {listens: "UDP:514"},
		"syslog-tls":          {listens: "TCP:6514", encrypted: true},
		"radius":              {listens: "UDP:1812-1813"},
		"radsec":              {listens: "TCP:2083", encrypted: true},
		"ldap":                {listens: "TCP:389"},
		"ldaps":               {listens: "TCP:636", encrypted: true},
		"kerberos":            {listens: "TCP:88 UDP:88"},
		"snmp":                {listens: "UDP:161", callsBack: true},
		"snmp-trap":           {listens: "UDP:162"},
		"ping":                {listens: "ICMP:8,128"},
		"mqtt":                {listens: "TCP:1883"},
		"mqtts":               {listens: "TCP:8883", encrypted: true},
		"smb":                 {listens: "TCP:139,445", dangerous: true},
		"netbios":             {listens: "UDP:137-138", dangerous: true},
		"rdp":                 {listens: "TCP:3389 UDP:3389", dangerous: true},
		"ssh":                 {listens: "TCP:22", encrypted: true, dangerous: true},
		"telnet":              {listens: "TCP:23", dangerous: true},
		"ftp":                 {listens: "TCP:20-21", dangerous: true, callsBack: true},
		"tftp":                {listens: "UDP:69", dangerous: true, callsBack: true},
		"vnc":                 {listens: "TCP:5900-5906", dangerous: true},
		"winrm":               {listens: "TCP:5985-5986", dangerous: true},
		"rpc-endpoint-mapper": {listens: "TCP:135", dangerous: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, ok := Embedded().Lookup(name)
			if !ok {
				t.Fatal("there is no such service")
			}
			if got := listens(s); got != tc.listens {
				t.Errorf("it listens on %s, want %s", got, tc.listens)
			}
			if s.Encrypted != tc.encrypted || s.Dangerous != tc.dangerous || (s.CallBack != "") != tc.callsBack {
				t.Errorf("encrypted %t, dangerous %t, calls back %q", s.Encrypted, s.Dangerous, s.CallBack)
			}
		})
	}
}

func listens(s Service) string {
	parts := make([]string, 0, len(s.Endpoints))
	for _, e := range s.Endpoints {
		parts = append(parts, flow.Service{Protocol: e.Protocol, Ports: e.Ports, ICMPTypes: e.ICMPTypes}.String())
	}
	return strings.Join(parts, " ")
}

func TestEveryEmbeddedServiceSaysWhereItsFactsComeFrom(t *testing.T) {
	t.Parallel()
	for _, s := range Embedded().Services() {
		if s.Source == "" || s.Source == "Site file" || s.Title == s.Name {
			t.Errorf("%s: source %q, title %q", s.Name, s.Source, s.Title)
		}
		for _, text := range []string{s.CallBack, s.Note} {
			if text != "" && !strings.HasSuffix(text, ".") {
				t.Errorf("%s: %q is not a sentence", s.Name, text)
			}
		}
		if s.Dangerous && s.CarriesPHI {
			t.Errorf("%s: is patient data really what it is for?", s.Name)
		}
	}
}

func TestNoHarmlessEmbeddedServiceSharesADangerousPort(t *testing.T) {
	t.Parallel()
	c := Embedded()
	for _, s := range c.Services() {
		if s.Dangerous {
			continue
		}
		for _, e := range s.Endpoints {
			for _, r := range e.Ports {
				if d, ok := c.DangerousAt(e.Protocol, r); ok {
					t.Errorf("%s at %s %s is reported as %s", s.Name, e.Protocol, r, d.Name)
				}
			}
		}
	}
}

func TestTheHICPPortsAreDangerous(t *testing.T) {
	t.Parallel()
	for port, want := range map[uint16]string{
		3389: "rdp", 445: "smb", 139: "smb", 22: "ssh", 23: "telnet", 21: "ftp", 5900: "vnc",
	} {
		if s, _ := Embedded().DangerousAt(flow.TCP, flow.PortRange{Port: port, End: port}); s.Name != want {
			t.Errorf("TCP %d is %q, want %q", port, s.Name, want)
		}
	}
}

func TestServiceNamesOfOneSpellingDoNotExist(t *testing.T) {
	t.Parallel()
	spellings := map[string]string{}
	for _, name := range Embedded().Names() {
		spelling := strings.ReplaceAll(name, "-", "")
		if other, twice := spellings[spelling]; twice {
			t.Errorf("%s and %s differ by a dash only", name, other)
		}
		spellings[spelling] = name
	}
}
