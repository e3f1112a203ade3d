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

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/test/e2e/house"
)

// bare is what somebody writes by hand: a pod that is closed, and one who may
// come in.
const (
	bareClosed = `{"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "closed", "namespace": "research"},
 "spec": {"podSelector": {}, "policyTypes": ["Ingress"]}}`
	bareOpen = `{"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "nurses", "namespace": "research"},
 "spec": {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{"from": [{"ipBlock": {"cidr": "10.41.0.20/32"}}], "ports": [{"protocol": "UDP", "port": 24105}]}]}}`
)

// latencies measures how long a change takes to reach the packets: a conduit that
// is written and deleted, and beside it, in turn, a NetworkPolicy written by
// hand. What is measured is told; how fast a machine is, is no test.
func latencies(t *testing.T, h *house.House) {
	times := 50
	if short {
		times = 5
	}
	must(t, h.ApplyText(t.Context(), bareClosed))
	var permitted, blocked, barePermitted, bareBlocked []time.Duration
	nurse := h.Station("nurses-pc")
	gateway, stranger := netip.AddrPortFrom(h.Party("pump-gw-a").Addresses[0], 24105), netip.AddrPortFrom(h.Party("impostor").Addresses[0], 24105)
	settle := func() {
		must(t, h.Ready(t.Context()))
		must(t, h.Settle(t.Context()))
		for _, name := range []string{"pump-gw-a", "impostor"} {
			h.Station(name).Forget()
		}
	}
	note := func(into *[]time.Duration, took time.Duration, err error) {
		t.Helper()
		must(t, err)
		*into = append(*into, took)
	}
	for range times {
		conduit := nursesToGateway()
		settle()
		took, err := nurse.UntilPermitted(t.Context(), h.Station("pump-gw-a"), gateway, func() error { return h.Custom.Create(t.Context(), conduit) })
		note(&permitted, took, err)
		settle()
		took, err = nurse.UntilPermitted(t.Context(), h.Station("impostor"), stranger, func() error { return h.ApplyText(t.Context(), bareOpen) })
		note(&barePermitted, took, err)
		settle()
		took, err = nurse.UntilBlocked(t.Context(), h.Station("pump-gw-a"), gateway, func() error { return h.Custom.Delete(t.Context(), conduit) })
		note(&blocked, took, err)
		settle()
		took, err = nurse.UntilBlocked(t.Context(), h.Station("impostor"), stranger, func() error { return h.Delete(t.Context(), bareOpen) })
		note(&bareBlocked, took, err)
	}
	settle()
	must(t, h.Delete(t.Context(), bareClosed))

	var said strings.Builder
	fmt.Fprintf(&said, "From the write to the first packet, %d times each, in turn:\n", times)
	fmt.Fprintf(&said, "  %-44s %8s %8s %8s\n", "", "p50", "p99", "most")
	for _, row := range []struct {
		name string
		list []time.Duration
	}{
		{"conduit written: first packet that arrives", permitted},
		{"NetworkPolicy by hand: the same", barePermitted},
		{"conduit deleted: first packet that is dropped", blocked},
		{"NetworkPolicy by hand: the same", bareBlocked},
	} {
		fmt.Fprintf(&said, "  %-44s %5d ms %5d ms %5d ms\n", row.name, at(row.list, 50), at(row.list, 99), at(row.list, 100))
	}
	fmt.Fprintf(&said, "More than by hand, at p50: %d ms to permit, %d ms to block (the aim is 50 ms at most, on a machine with nothing else to do)\n",
		at(permitted, 50)-at(barePermitted, 50), at(blocked, 50)-at(bareBlocked, 50))
	fmt.Print(said.String())
	must(t, os.WriteFile(filepath.Join(artefacts(t), "latencies.txt"), []byte(said.String()), 0o644))
}

func nursesToGateway() *medfencev1alpha1.Conduit {
	c := &medfencev1alpha1.Conduit{ObjectMeta: metav1.ObjectMeta{Name: "nurses-to-gateway"}}
	c.Spec = medfencev1alpha1.ConduitSpec{
		From: medfencev1alpha1.ConduitEnd{Zones: []string{"nurse-stations"}},
		To: medfencev1alpha1.ConduitEnd{Zones: []string{"infusion"}, DeviceSelector: &metav1.LabelSelector{
			MatchLabels: map[string]string{"hospital.example/model": "pump-gateway"},
		}},
		Services: []medfencev1alpha1.ConduitService{{Protocol: "UDP", Port: new(int32(24105)), Encrypted: "Yes"}},
		Purpose:  "The nurses look at their pumps",
	}
	return c
}

// at is a percentile in milliseconds: the smallest that so many are not above.
func at(list []time.Duration, percent int) int64 {
	sorted := slices.Sorted(slices.Values(list))
	return sorted[max(0, (len(sorted)*percent+99)/100-1)].Milliseconds()
}
