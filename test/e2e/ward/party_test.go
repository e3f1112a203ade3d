package ward

import (
	"net/netip"
	"testing"

	"github.com/medfence/medfence/internal/flow"
)

// Names are columns of a table, parts of the names of namespaces, and keys.
func TestEverybodyIsSomebodyElse(t *testing.T) {
	names, addresses := map[string]bool{}, map[netip.Addr]string{}
	kinds := map[Kind]int{}
	for _, p := range Everybody() {
		if names[p.Name] || len(p.Name) > 11 || p.Name == "" {
			t.Errorf("the name %q is taken, or too long for a table", p.Name)
		}
		names[p.Name] = true
		kinds[p.Kind]++
		if (p.Kind == Outside) != (len(p.Addresses) > 0) {
			t.Errorf("%s has the addresses %v: only of those outside they are known beforehand", p.Name, p.Addresses)
		}
		if p.Kind != Outside && p.Node != 1 && p.Node != 2 {
			t.Errorf("%s is on node %d", p.Name, p.Node)
		}
		for _, a := range p.Addresses {
			if other := addresses[a]; other != "" {
				t.Errorf("%s and %s have the address %s", p.Name, other, a)
			}
			addresses[a] = p.Name
		}
	}
	if len(names) < 30 || kinds[Pod] < 15 || kinds[Node] != 2 || kinds[Outside] < 10 {
		t.Errorf("%d parties: %v", len(names), kinds)
	}
}

func TestAPodBearsItsLabels(t *testing.T) {
	p := Party{App: "pump-gateway", Labels: map[string]string{"tier": "a"}}
	got := p.PodLabels()
	if len(got) != 2 || got["app.kubernetes.io/name"] != "pump-gateway" || got["tier"] != "a" {
		t.Errorf("its labels are %v", got)
	}
	if got["tier"] = "b"; p.Labels["tier"] != "a" {
		t.Error("the labels are not a copy")
	}
}

func TestEveryServiceIsServed(t *testing.T) {
	services := Services()
	seen := map[Service]bool{}
	for _, s := range services {
		if seen[s] {
			t.Errorf("%v is there twice", s)
		}
		seen[s] = true
		if (s.Port == 0) != (s.Protocol == flow.ICMP) {
			t.Errorf("%v", s)
		}
	}
	if len(services) != len(TCPPorts)+len(UDPPorts)+1 {
		t.Errorf("%d services", len(services))
	}
}
