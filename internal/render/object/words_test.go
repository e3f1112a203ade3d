package object_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/flow"
	"github.com/medfence/medfence/internal/plan"
	"github.com/medfence/medfence/internal/render/object"
	"github.com/medfence/medfence/internal/snapshot"
)

func permits(p *plan.Plan, mode medfencev1alpha1.DNSMode) string {
	return object.NewIndex(p).Permits(&plan.Workload{WorkloadKey: podA, DNS: mode})
}

func TestAPolicySaysInWordsWhatItPermits(t *testing.T) {
	dicom := ports(flow.TCP, 104, 11112)
	dicom.Name = "dicom"
	archive := toPeer("imaging-pacs", dicom, flow.Service{Protocol: flow.UDP, Ports: flow.PortSet{{Port: 2000, End: 2010}}})
	archive.Spec.Purpose = "Studies\n  to the archive\t"
	ping := toPeer("ping", flow.Service{Protocol: flow.ICMP, ICMPTypes: []uint8{8, 128}})
	fhir := ports(flow.TCP, 443)
	fhir.Name, fhir.HTTP = "fhir", []flow.HTTPRule{{Method: "GET", Path: "/Observation"}, {Path: "/metadata"}, {Method: "HEAD"}}
	back := toPeer("call-back", ports(flow.TCP, 4242))
	back.From, back.To = append(back.To, plan.End{Zone: "other", Groups: []string{"medfence-peer-1"}}), back.From
	p := planOf(snapshot.Cilium, archive, back, ping, toPeer("read", fhir))
	p.DNS = knownDNS()
	want := strings.Join([]string{
		"from other, peer: TCP 4242 (call-back)",
		"to peer: dicom TCP 104, 11112; UDP 2000-2010 (imaging-pacs: Studies to the archive)",
		"to peer: ICMP type 8, 128 (ping)",
		"to peer: fhir TCP 443, only GET /Observation, any method /metadata, HEAD on any path (read)",
		"to the cluster DNS: only **.cluster.local",
	}, "\n")
	if diff := cmp.Diff(want, permits(p, medfencev1alpha1.DNSNames)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestWhatIsNotRenderedIsNotSaid(t *testing.T) {
	c := toPeer("c", ports(flow.TCP, 1), flow.Service{Protocol: flow.ICMP, ICMPTypes: []uint8{8}})
	c.To = append(c.To, plan.End{Zone: "other", FQDNs: []string{"a.example"}})
	if got, want := permits(planOf(snapshot.Netpol, c), ""), "to peer: TCP 1 (c)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestManyWordsAreCutAtALineAndCounted(t *testing.T) {
	var conduits []plan.Conduit
	for i := range 300 {
		c := toPeer(fmt.Sprintf("conduit-%03d", i), ports(flow.TCP, 1))
		c.Spec.Purpose = strings.Repeat("é", 100)
		conduits = append(conduits, c)
	}
	p := planOf(snapshot.Cilium, conduits...)
	p.DNS = knownDNS()
	got := permits(p, medfencev1alpha1.DNSCluster)
	if len(got) > 16<<10 {
		t.Errorf("%d bytes", len(got))
	}
	lines := strings.Split(got, "\n")
	last := lines[len(lines)-1]
	if want := fmt.Sprintf("... and %d more conduits", 300-(len(lines)-1)); last != want {
		t.Errorf("ends in %q, want %q", last, want)
	}
	if !strings.HasSuffix(lines[len(lines)-2], "é)") {
		t.Errorf("a line is cut: %q", lines[len(lines)-2])
	}
}

func TestAConduitOfBothDirectionsIsCountedOnce(t *testing.T) {
	c := toPeer("self", ports(flow.TCP, 1))
	c.To = c.From
	c.Spec.Purpose = strings.Repeat("x", 17<<10)
	if got, want := permits(planOf(snapshot.Cilium, c), ""), "... and 1 more conduits"; got != want {
		t.Errorf("got %.60q, want %q", got, want)
	}
}
