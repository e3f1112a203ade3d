package cilium_test

import (
	"math/rand/v2"
	"testing"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/flow"
	"github.com/medfence/medfence/internal/guard"
	"github.com/medfence/medfence/internal/plan"
	"github.com/medfence/medfence/internal/render/cilium"
	"github.com/medfence/medfence/internal/render/object"
	"github.com/medfence/medfence/internal/render/plantest"
	"github.com/medfence/medfence/internal/snapshot"
)

// bytesOf returns the n-th list of random bytes; always the same for one n.
func bytesOf(n uint64) []byte {
	random := rand.New(rand.NewPCG(n, 3))
	out := make([]byte, 1024)
	for i := range out {
		out[i] = byte(random.Uint32())
	}
	return out
}

func TestTheAllowsOfRandomPlansPermitWhatThePlanPermits(t *testing.T) {
	var permitted [plantest.All + 1]int
	for n := range uint64(40) {
		for grade, count := range checkFaithful(t, bytesOf(n)) {
			permitted[grade] += count
		}
		if t.Failed() {
			t.Fatalf("first failure: bytes %d", n)
		}
	}
	if permitted[plantest.All] < 1000 || permitted[plantest.Requests] < 100 {
		t.Errorf("the random plans permit %v flows only: this proves little", permitted)
	}
}

func FuzzFaithful(f *testing.F) {
	for n := range uint64(8) {
		f.Add(bytesOf(n))
	}
	f.Fuzz(func(t *testing.T, raw []byte) { checkFaithful(t, raw) })
}

// checkFaithful compares, for each pod and each other party, what the plan
// permits with what the allows that select the pod do, in Observe and Enforce
// and on peers alike. It returns the number of flows by grade.
func checkFaithful(t *testing.T, raw []byte) (count [plantest.All + 1]int) {
	t.Helper()
	p := plantest.Random(plantest.NewDice(raw), snapshot.Cilium)
	ix := object.NewIndex(p)
	var objects []object.Object
	for _, z := range p.Zones {
		objects = append(objects, cilium.Zone(ix, guard.Of(ix, z.Name), z.Name)...)
	}
	j := newJudge(t, objects)
	parties, packets := plantest.Parties(p), plantest.Packets(p)
	for _, pod := range parties {
		if !pod.Pod() || !open(p, pod.Namespace) {
			continue
		}
		for _, other := range parties {
			if other.Addr.IsValid() && !grouped(p, other) {
				continue // its zone is released, and its group with it
			}
			forth, back := plantest.Services(p, pod, other), plantest.Services(p, other, pod)
			egress, ingress := j.egress(pod, other), j.ingress(other, pod)
			for _, packet := range packets {
				out := plantest.Passes(p.Target, forth, packet)
				if resolves(p, pod, other, packet) {
					out = plantest.All
				}
				if got := best(egress, packet); got != out {
					t.Errorf("egress of %v to %v, %v: %d, want %d", pod, other, packet, got, out)
				}
				in := plantest.Passes(p.Target, back, packet)
				if got := best(ingress, packet); got != in {
					t.Errorf("ingress from %v to %v, %v: %d, want %d", other, pod, packet, got, in)
				}
				count[in]++
				count[out]++
			}
		}
	}
	return count
}

// open reports whether objects can stand in a namespace of the plan.
func open(p *plan.Plan, namespace string) bool {
	for _, z := range p.Zones {
		for _, n := range z.Namespaces {
			if n.Name == namespace {
				return !z.Released && n.Exists
			}
		}
	}
	return false
}

// grouped reports whether an address is of no zone, or of one that is rendered.
func grouped(p *plan.Plan, a plantest.Party) bool {
	for _, g := range p.Groups {
		for _, prefix := range g.Prefixes {
			if !prefix.Contains(a.Addr) {
				continue
			}
			for _, z := range p.Zones {
				if z.Name == g.Zone {
					return !z.Released
				}
			}
		}
	}
	return true
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
		wants := w.DNS == medfencev1alpha1.DNSCluster || w.DNS == medfencev1alpha1.DNSNames
		if w.Device && wants && plantest.Matches(w, pod) {
			return known
		}
	}
	return false
}
