package netpol_test

import (
	"math/rand/v2"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/flow"
	"github.com/medfence/medfence/internal/plan"
	"github.com/medfence/medfence/internal/render/netpol"
	"github.com/medfence/medfence/internal/render/object"
	"github.com/medfence/medfence/internal/render/plantest"
	"github.com/medfence/medfence/internal/snapshot"
)

// bytesOf returns the n-th list of random bytes; always the same for one n.
func bytesOf(n uint64) []byte {
	random := rand.New(rand.NewPCG(n, 2))
	out := make([]byte, 1024)
	for i := range out {
		out[i] = byte(random.Uint32())
	}
	return out
}

func TestThePoliciesOfRandomPlansPermitWhatThePlanPermits(t *testing.T) {
	permitted := 0
	for n := range uint64(60) {
		permitted += checkFaithful(t, bytesOf(n))
		if t.Failed() {
			t.Fatalf("first failure: bytes %d", n)
		}
	}
	if permitted < 1000 {
		t.Errorf("the random plans permit %d flows only: this proves little", permitted)
	}
}

func FuzzFaithful(f *testing.F) {
	for n := range uint64(8) {
		f.Add(bytesOf(n))
	}
	f.Fuzz(func(t *testing.T, raw []byte) { checkFaithful(t, raw) })
}

// checkFaithful compares, for each pod in an enforced namespace and each other
// party, what the plan permits with what the policies do. It returns the number
// of flows that are permitted.
func checkFaithful(t *testing.T, raw []byte) int {
	t.Helper()
	p := plantest.Random(plantest.NewDice(raw), snapshot.Netpol)
	ix := object.NewIndex(p)
	var objects []object.Object
	for _, z := range p.Zones {
		objects = append(objects, netpol.Zone(ix, z.Name)...)
	}
	j := newJudge(t, objects)
	parties, packets, permitted := plantest.Parties(p), plantest.Packets(p), 0
	for _, pod := range parties {
		if !pod.Pod() {
			continue
		}
		closed := enforced(p, pod.Namespace)
		if got := j.isolated(pod, networkingv1.PolicyTypeIngress) && j.isolated(pod, networkingv1.PolicyTypeEgress); got != closed {
			t.Errorf("pod %v is isolated: %t, want %t", pod, got, closed)
		}
		if !closed {
			continue
		}
		for _, other := range parties {
			forth, back := plantest.Services(p, pod, other), plantest.Services(p, other, pod)
			egress, ingress := j.egress(pod, other), j.ingress(other, pod)
			for _, packet := range packets {
				out := plantest.Passes(p.Target, forth, packet) == plantest.All || resolves(p, pod, other, packet)
				if got := anyHolds(egress, packet); got != out {
					t.Errorf("egress of %v to %v, %v: %t, want %t", pod, other, packet, got, out)
				}
				in := plantest.Passes(p.Target, back, packet) == plantest.All
				if got := anyHolds(ingress, packet); got != in {
					t.Errorf("ingress from %v to %v, %v: %t, want %t", other, pod, packet, got, in)
				}
				if in || out {
					permitted++
				}
			}
		}
	}
	return permitted
}

// enforced reports whether a namespace is closed: one of an enforced zone that
// exists.
func enforced(p *plan.Plan, namespace string) bool {
	for _, z := range p.Zones {
		for _, n := range z.Namespaces {
			if n.Name == namespace {
				return z.Enforce && !z.Released && n.Exists
			}
		}
	}
	return false
}

// resolves reports whether the packet is a query of a registered pod to the
// cluster's DNS.
func resolves(p *plan.Plan, pod, other plantest.Party, packet plantest.Packet) bool {
	if other.Namespace != plantest.DNSPod.Namespace || p.DNS.Selector == nil || packet.Protocol == flow.ICMP {
		return false
	}
	known := false
	for _, port := range p.DNS.Ports {
		known = known || port.Port == packet.Port && port.Protocol == packet.Protocol
	}
	for _, w := range p.Workloads {
		open := w.DNS == medfencev1alpha1.DNSCluster || w.DNS == medfencev1alpha1.DNSNames
		if w.Device && open && plantest.Matches(w, pod) {
			return known
		}
	}
	return false
}
