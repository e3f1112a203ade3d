//go:build linux && e2e

package e2e

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/medfence/medfence/internal/flow"
	"github.com/medfence/medfence/internal/snapshot"
	"github.com/medfence/medfence/test/e2e/house"
	"github.com/medfence/medfence/test/e2e/truth"
	"github.com/medfence/medfence/test/e2e/ward"
	"github.com/medfence/medfence/test/e2e/wire"
)

// The pods of Device zones, of which some are no devices.
var segmented = []string{"pump-gw-a", "pump-gw-b", "inf-stray", "central-gw", "mon-stray", "dicom-rtr", "img-stray", "lab-mw", "lab-stray"}

// What worms speak.
var worms = []ward.Service{{Protocol: flow.TCP, Port: 445}, {Protocol: flow.TCP, Port: 3389}, {Protocol: flow.TCP, Port: 22}}

// stories are what happens to hospitals.
func stories(t *testing.T, h *house.House) {
	enforceImaging(t, h)
	for _, s := range []struct {
		name string
		tell func(*testing.T, *house.House)
	}{
		{"WannaCry comes in by a laptop of the offices", wannaCry},
		{"a pump is infected, and looks for others", infectedPump},
		{"a gateway is infected, and looks around", infectedGateway},
		{"the vendor's account is stolen", stolenVendor},
		{"a device calls an address that its maker built in", phonesHome},
		{"another team allows everything", allowsEverything},
		{"a pod calls itself a pump gateway, in another namespace", impostor},
		{"a pod starts in a ward before anybody registers it", unregistered},
		{"an update server is known by its name", knownByName},
	} {
		t.Run(s.name, func(t *testing.T) { s.tell(t, h) })
	}
}

// of picks the questions from some to others by some services, in every family
// that both have.
func of(h *house.House, from, to []string, services []ward.Service) []truth.Question {
	return slices.DeleteFunc(truth.Questions(h.Parties, services), func(q truth.Question) bool {
		return !slices.Contains(from, q.From.Name) || !slices.Contains(to, q.To.Name)
	})
}

func names(h *house.House) []string {
	var out []string
	for _, p := range h.Parties {
		out = append(out, p.Name)
	}
	return out
}

// others are the names of all but some.
func others(h *house.House, but ...string) []string {
	return slices.DeleteFunc(names(h), func(name string) bool { return slices.Contains(but, name) })
}

// refused asks, and wants every packet dropped, by everybody's account.
func refused(t *testing.T, h *house.House, questions []truth.Question) {
	t.Helper()
	table, err := h.Table(t.Context(), t.Name(), enforced(t, snapshot.Cilium), questions)
	must(t, err)
	check(t, table)
	for _, c := range table.Cells {
		if !c.Dropped {
			t.Errorf("%s: %s", c.Question, c.Seen)
		}
	}
}

func wannaCry(t *testing.T, h *house.House) {
	refused(t, h, of(h, []string{"laptop", "guest", "internet"}, segmented, worms))
}

func infectedPump(t *testing.T, h *house.House) {
	refused(t, h, of(h, []string{"pump-icu-7", "pump-icu-1", "pump-new"}, slices.Concat(segmented, []string{"hl7-engine", "archive", "ehr"}), worms))
}

func infectedGateway(t *testing.T, h *house.House) {
	refused(t, h, of(h, []string{"pump-gw-a"}, names(h), worms))
}

func stolenVendor(t *testing.T, h *house.House) {
	refused(t, h, of(h, []string{"ct-vendor"}, segmented, ward.Services()))
	refused(t, h, of(h, segmented, []string{"ct-vendor"}, ward.Services())) // the CT may; no pod is one
}

func phonesHome(t *testing.T, h *house.House) {
	refused(t, h, of(h, segmented, []string{"internet", "laptop"}, ward.Services()))
}

// allowances are policies by which somebody means well: everything, for
// everybody, by each kind of object.
var allowances = []struct{ name, text string }{
	{"NetworkPolicies in every ward", inEveryWard(`{"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
 "metadata": {"name": "allow-all", "namespace": "%s"},
 "spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"], "ingress": [{}], "egress": [{}]}}`)},
	{"CiliumNetworkPolicies in every ward", inEveryWard(`{"apiVersion": "cilium.io/v2", "kind": "CiliumNetworkPolicy",
 "metadata": {"name": "allow-all", "namespace": "%s"},
 "spec": {"endpointSelector": {}, "ingress": [{"fromEntities": ["all"]}], "egress": [{"toEntities": ["all"]}]}}`)},
	{"a CiliumClusterwideNetworkPolicy by prefixes", `{"apiVersion": "cilium.io/v2", "kind": "CiliumClusterwideNetworkPolicy",
 "metadata": {"name": "allow-all"},
 "spec": {"endpointSelector": {},
  "ingress": [{"fromCIDR": ["0.0.0.0/0", "::/0"]}, {"fromEntities": ["cluster", "world"]}],
  "egress": [{"toCIDR": ["0.0.0.0/0", "::/0"]}, {"toEntities": ["cluster", "world", "host", "remote-node", "kube-apiserver"]}]}}`},
}

func inEveryWard(text string) string {
	out := ""
	for _, n := range []string{"infusion", "monitoring-beds", "imaging", "laboratory"} {
		out += fmt.Sprintf(text, n) + "\n"
	}
	return out
}

func allowsEverything(t *testing.T, h *house.House) {
	for _, a := range allowances {
		t.Run(a.name, func(t *testing.T) {
			must(t, h.ApplyText(t.Context(), a.text))
			defer func() { must(t, h.Delete(context.Background(), a.text)) }()
			questions := some(h)
			if short {
				questions = of(h, segmented, names(h), []ward.Service{{Protocol: flow.TCP, Port: 443}, {Protocol: flow.UDP, Port: 123}, {Protocol: flow.ICMP}})
				questions = append(questions, of(h, names(h), segmented, worms)...)
			}
			table, err := h.Table(t.Context(), t.Name(), enforced(t, snapshot.Cilium), questions)
			must(t, err)
			check(t, table)
		})
	}
}

func impostor(t *testing.T, h *house.House) {
	refused(t, h, of(h, []string{"impostor"}, slices.Concat(segmented, []string{"pump-icu-1", "pump-icu-7", "pump-w3"}), ward.Services()))
	refused(t, h, of(h, []string{"pump-icu-1", "pump-icu-7"}, []string{"impostor"}, ward.Services()))
}

// unregistered: with the operator dead, even. What closes the pod is there
// before the pod is.
func unregistered(t *testing.T, h *house.House) {
	h.KillOperator()
	defer func() { must(t, h.StartOperator(context.Background(), string(snapshot.Cilium))) }()
	newcomer := ward.Party{Name: "newcomer", Kind: ward.Pod, Node: 2, Namespace: "infusion", App: "pump-server"}
	must(t, h.MoveIn(t.Context(), &newcomer))
	h.Parties = append(h.Parties, newcomer)
	refused(t, h, of(h, []string{"newcomer"}, names(h), worms))
	// Its own node always reaches a pod.
	refused(t, h, of(h, others(h, "node-2"), []string{"newcomer"}, worms))
	h.Parties = slices.DeleteFunc(h.Parties, func(p ward.Party) bool { return p.Name == "newcomer" })
	must(t, h.MoveOut(t.Context(), &newcomer))
}

// knownByName: a name opens its address, on its port, once it has been looked up;
// and no name opens another.
func knownByName(t *testing.T, h *house.House) {
	must(t, h.Ready(t.Context()))
	must(t, h.Settle(t.Context()))
	updates, elsewhere := netip.MustParseAddr("203.0.113.99"), netip.MustParseAddr("203.0.113.98")
	for name, a := range map[string]netip.Addr{"updates": updates, "elsewhere": elsewhere} {
		if h.Station(name) == nil {
			p := ward.Party{Name: name, Kind: ward.Outside, Addresses: []netip.Addr{a}}
			must(t, h.MoveIn(t.Context(), &p))
		}
	}
	h.Station("dns").Tell(wire.Book{"updates.ct-vendor.example.": updates, "evil.example.": elsewhere})
	router, dns := h.Party("dicom-rtr"), h.Party("dns")
	resolve := func(name string) (netip.Addr, bool) {
		probe, err := h.Station("dicom-rtr").Ask(dns.Addresses[0], name)
		must(t, err)
		defer func() { _ = probe.Close() }()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if !probe.Passes(ctx) {
			return netip.Addr{}, false
		}
		return wire.Address(probe.Answer)
	}
	passes := func(to string, a netip.Addr, port uint16) house.Outcome {
		q := truth.Question{
			From: router, To: &ward.Party{Name: to, Kind: ward.Outside, Addresses: []netip.Addr{a}},
			Source: router.Addresses[0], Destination: a, Service: ward.Service{Protocol: flow.TCP, Port: port},
		}
		out, err := h.Ask(t.Context(), []truth.Question{q})
		must(t, err)
		return out[0]
	}
	if o := passes("updates", updates, 443); !o.Dropped() {
		t.Errorf("before anybody asked for the name: %s", o)
	}
	if a, ok := resolve("updates.ct-vendor.example."); !ok || a != updates {
		t.Fatalf("the name resolves to %s, %t", a, ok)
	}
	if o := passes("updates", updates, 443); !o.Passed() {
		t.Errorf("after the name was asked for: %s", o)
	}
	if o := passes("updates", updates, 8443); !o.Dropped() {
		t.Errorf("another port of the name: %s", o)
	}
	_, _ = resolve("evil.example.") // may be answered or not: it opens nothing
	if o := passes("elsewhere", elsewhere, 443); !o.Dropped() {
		t.Errorf("another name: %s", o)
	}
}
