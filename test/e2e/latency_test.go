//go:build linux && e2e

package e2e

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/snapshot"
	"github.com/medfence/medfence/test/e2e/house"
	"github.com/medfence/medfence/test/e2e/ward"
)

// bare is what somebody writes by hand: a pod that is closed, and one who may
// come in.
const (
	bareClosed = `{"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "closed", "namespace": "research"},
 "spec": {"podSelector": {}, "policyTypes": ["Ingress"]}}`
	bareOpen = `{"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "nurses", "namespace": "research"},
 "spec": {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{"from": [{"ipBlock": {"cidr": "10.41.0.20/32"}}], "ports": [{"protocol": "UDP", "port": 24105}]}]}}`
)

// A way is one in which somebody who may not come in is let in, and is shut out
// again.
type way struct {
	name     string
	from, to string
	in, out  func() error

	permitted, blocked []time.Duration
	// shut and open are what the operator has written without and with it.
	shut, open []*unstructured.Unstructured
}

// latencies measures how long a change takes to reach the packets: a conduit that
// is written and deleted, and beside it, in turn, a NetworkPolicy written by
// hand. What is measured is told; how fast a machine is, is no test.
func latencies(t *testing.T, h *house.House) {
	enforceImaging(t, h)
	times, again := 50, 20
	if short {
		times, again = 2, 1
	}
	store := ward.Party{Name: "ehr-store", Kind: ward.Outside, Addresses: []netip.Addr{netip.MustParseAddr("10.40.2.3")}}
	must(t, h.MoveIn(t.Context(), &store))
	must(t, h.ApplyText(t.Context(), bareClosed))
	byConduit := func(name, from, zone string) *way {
		return &way{name: name, from: from, to: "pump-gw-a",
			in:  func() error { return h.Custom.Create(t.Context(), toGateway(zone)) },
			out: func() error { return h.Custom.Delete(t.Context(), toGateway(zone)) },
		}
	}
	bare := &way{name: "a NetworkPolicy by hand", from: "nurses-pc", to: "impostor",
		in:  func() error { return h.ApplyText(t.Context(), bareOpen) },
		out: func() error { return h.Delete(t.Context(), bareOpen) }}
	conduits := []*way{
		byConduit("a conduit from pods", "hl7-engine", "integration-engine"),
		byConduit("a conduit from new addresses", "ehr-store", "ehr"),
		byConduit("a conduit from addresses with another", "nurses-pc", "nurse-stations"),
	}
	for range times {
		bare.measure(t, h)
		for _, w := range conduits {
			w.measure(t, h)
		}
	}
	h.StopOperator()
	same := make([]*way, 0, len(conduits))
	for _, w := range conduits {
		same = append(same, w.byHand(t, h))
		for range again {
			same[len(same)-1].measure(t, h)
		}
	}
	must(t, h.StartOperator(t.Context(), string(snapshot.Cilium)))
	must(t, h.Delete(t.Context(), bareClosed))
	tellLatencies(t, times, again, bare, conduits, same)
}

func tellLatencies(t *testing.T, times, again int, bare *way, conduits, same []*way) {
	t.Helper()
	var said strings.Builder
	fmt.Fprintf(&said, "From the write to the first packet, %d times each, in turn (p50, p99, and p50 beyond the NetworkPolicy's):\n", times)
	fmt.Fprintf(&said, "  %-44s %-32s %s\n", "", "written, until one arrives", "deleted, until one is dropped")
	line := func(name string, w *way) {
		fmt.Fprintf(&said, "  %-44s %5d ms %5d ms %+5d ms     %5d ms %5d ms %+5d ms\n", name,
			at(w.permitted, 50), at(w.permitted, 99), at(w.permitted, 50)-at(bare.permitted, 50),
			at(w.blocked, 50), at(w.blocked, 99), at(w.blocked, 50)-at(bare.blocked, 50))
	}
	line(bare.name, bare)
	for i, w := range conduits {
		line(w.name, w)
		line(fmt.Sprintf("  its %d objects by hand, %d times", same[i].objects(), again), same[i])
	}
	fmt.Fprintf(&said, "The aim is 50 ms beyond at p50, on a machine with nothing else to do.\n")
	fmt.Print(said.String())
	must(t, os.WriteFile(filepath.Join(artefacts(t), "latencies.txt"), []byte(said.String()), 0o644))
}

func (w *way) measure(t *testing.T, h *house.House) {
	t.Helper()
	from, to := h.Station(w.from), h.Station(w.to)
	door := netip.AddrPortFrom(h.Party(w.to).Addresses[0], 24105)
	settle := func() {
		must(t, h.Ready(t.Context()))
		must(t, h.Settle(t.Context()))
		to.Forget()
	}
	settle()
	w.shut = ours(t, h)
	took, err := from.UntilPermitted(t.Context(), to, door, w.in)
	must(t, err)
	w.permitted = append(w.permitted, took)
	settle()
	w.open = ours(t, h)
	took, err = from.UntilBlocked(t.Context(), to, door, w.out)
	must(t, err)
	w.blocked = append(w.blocked, took)
}

func toGateway(zone string) *medfencev1alpha1.Conduit {
	c := &medfencev1alpha1.Conduit{ObjectMeta: metav1.ObjectMeta{Name: zone + "-to-gateway"}}
	c.Spec = medfencev1alpha1.ConduitSpec{
		From: medfencev1alpha1.ConduitEnd{Zones: []string{zone}},
		To: medfencev1alpha1.ConduitEnd{Zones: []string{"infusion"}, DeviceSelector: &metav1.LabelSelector{
			MatchLabels: map[string]string{"hospital.example/model": "pump-gateway"},
		}},
		Services: []medfencev1alpha1.ConduitService{{Protocol: "UDP", Port: new(int32(24105)), Encrypted: "Yes"}},
		Purpose:  "Somebody looks at the pumps for a while",
	}
	return c
}

// at is a percentile in milliseconds: the smallest that so many are not above.
func at(list []time.Duration, percent int) int64 {
	sorted := slices.Sorted(slices.Values(list))
	return sorted[max(0, (len(sorted)*percent+99)/100-1)].Milliseconds()
}
