package catalog

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/medfence/medfence/internal/flow"
)

func FuzzWith(f *testing.F) {
	f.Add(servicesYAML)
	for _, seed := range []string{
		"", "services: []", "services: [{name: x, endpoints: [{protocol: TCP, ports: [1, \"2-3\"]}]}]",
		"services:\n- name: smb\n  note: why\n  endpoints:\n  - protocol: ICMP\n    icmpTypes: [8]\n",
		"services: [{name: x, dangerous: true, encrypted: yes, <<: *a}]", "a: &a [*a]", "? [a]\n: b", "---\n---\n",
		"services: [{name: smb, endpoints: [{protocol: UDP, ports: [\"1-65535\"]}]}]", "!!map {services: !!seq []}",
	} {
		f.Add([]byte(seed))
	}
	base := Embedded()
	before := base.Services()
	f.Fuzz(func(t *testing.T, file []byte) {
		c, err := base.With(file)
		if diff := cmp.Diff(before, base.Services()); diff != "" {
			t.Fatalf("the catalogue below changed (-want +got):\n%s", diff)
		}
		if (c == nil) != (err != nil) {
			t.Fatalf("With gave %v and %v", c, err)
		}
		if err != nil {
			checkError(t, err)
			return
		}
		checkCatalogue(t, base, c)
		again, err := base.With(file)
		if err != nil || !cmp.Equal(c.Services(), again.Services()) {
			t.Fatalf("the same file gives something else: %v", err)
		}
		if twice, err := c.With(file); err == nil && !cmp.Equal(c.Services(), twice.Services()) {
			t.Fatal("the same file on top changes something")
		}
	})
}

func checkError(t *testing.T, err error) {
	t.Helper()
	if err.Error() == "" || len(err.Error()) > 32<<10 {
		t.Fatalf("the error has %d bytes", len(err.Error()))
	}
}

// checkCatalogue asserts what holds of every catalogue, however it was made.
func checkCatalogue(t *testing.T, base, c *Catalogue) {
	t.Helper()
	names := c.Names()
	if !slices.IsSorted(names) || len(slices.Compact(slices.Clone(names))) != len(names) {
		t.Fatalf("the names are not sorted and distinct: %q", names)
	}
	for _, name := range base.Names() {
		if _, ok := c.Lookup(name); !ok {
			t.Fatalf("%s is gone", name)
		}
	}
	for _, s := range c.Services() {
		checkService(t, c, s)
		known, ok := base.Lookup(s.Name)
		if ok && known.Dangerous && s.Note == "" && !(s.Dangerous && s.covers(known)) {
			t.Fatalf("%s is silently no longer dangerous", s.Name)
		}
	}
}

func checkService(t *testing.T, c *Catalogue, s Service) {
	t.Helper()
	if len(validation.IsDNS1123Label(s.Name)) > 0 || s.Title == "" || s.Source == "" {
		t.Fatalf("service %+v", s)
	}
	if len(s.Endpoints) == 0 || len(s.Endpoints) > maxEndpoints {
		t.Fatalf("%s has %d endpoints", s.Name, len(s.Endpoints))
	}
	for _, e := range s.Endpoints {
		checkEndpoint(t, c, s, e)
	}
}

func checkEndpoint(t *testing.T, c *Catalogue, s Service, e Endpoint) {
	t.Helper()
	if e.Protocol.HasPorts() != (len(e.Ports) > 0) || (e.Protocol == flow.ICMP) != (len(e.ICMPTypes) > 0) {
		t.Fatalf("%s has endpoint %+v", s.Name, e)
	}
	if !slices.Equal(e.Ports, flow.NewPortSet(e.Ports...)) || e.Ports.Contains(0) {
		t.Fatalf("%s has ports %v", s.Name, e.Ports)
	}
	if !s.Dangerous {
		return
	}
	for _, r := range e.Ports {
		if _, ok := c.DangerousAt(e.Protocol, r); !ok {
			t.Fatalf("%s at %s is not dangerous", s.Name, r)
		}
	}
}

func FuzzDangerousAt(f *testing.F) {
	f.Add("TCP", uint16(445), uint16(445))
	f.Add("ICMP", uint16(0), uint16(65535))
	f.Fuzz(func(t *testing.T, protocol string, from, to uint16) {
		c, want := Embedded(), ""
		for _, s := range c.Services() {
			for _, e := range s.Endpoints {
				for port := int(from); port <= int(to) && want == "" && s.Dangerous; port++ {
					if string(e.Protocol) == protocol && e.Ports.Contains(uint16(port)) {
						want = s.Name
					}
				}
			}
		}
		got, ok := c.DangerousAt(flow.Protocol(protocol), flow.PortRange{Port: from, End: to})
		if got.Name != want || ok != (want != "") {
			t.Fatalf("DangerousAt(%s, %d-%d) = %q, want %q", protocol, from, to, got.Name, want)
		}
	})
}
