//go:build linux && e2e

package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/flow"
	"github.com/medfence/medfence/internal/snapshot"
	"github.com/medfence/medfence/test/e2e/house"
	"github.com/medfence/medfence/test/e2e/wire"
)

// traffic is what goes on while things change.
type traffic struct {
	streams  []*wire.Stream
	attempts []*wire.Attempt
	marks    map[string]wire.Mark
	// excused are packets of attempts that got through while somebody had taken
	// away the only policy that denied them.
	excused map[string]int
	said    strings.Builder
}

// begin starts the streams, which conduits permit throughout, and the attempts,
// which nothing permits ever.
func begin(t *testing.T, h *house.House) *traffic {
	t.Helper()
	must(t, h.Ready(t.Context()))
	must(t, h.Settle(t.Context()))
	b := &traffic{marks: map[string]wire.Mark{}, excused: map[string]int{}}
	for _, s := range []struct {
		from, to string
		protocol flow.Protocol
		port     uint16
	}{
		{"pump-gw-a", "pump-icu-1", flow.TCP, 3613},
		{"pump-gw-a", "pump-icu-1", flow.UDP, 24105},
		{"pump-gw-b", "hl7-engine", flow.TCP, 6661},
		{"central-gw", "monitor-1", flow.UDP, 24105},
		{"pump-gw-a", "site-svc", flow.UDP, 123},
		{"cobas-1", "lab-mw", flow.TCP, 7001},
		{"dicom-rtr", "archive", flow.TCP, 11112},
	} {
		name := fmt.Sprintf("%s to %s %s %d", s.from, s.to, s.protocol, s.port)
		stream, err := h.Station(s.from).Stream(name, h.Station(s.to), h.Party(s.to).Addresses[0], s.protocol, s.port)
		must(t, err)
		b.streams = append(b.streams, stream)
	}
	for _, a := range []struct {
		from, to string
		protocol flow.Protocol
		port     uint16
	}{
		{"laptop", "pump-gw-a", flow.TCP, 445},
		{"pump-icu-7", "pump-gw-b", flow.TCP, 445},
		{"pump-gw-a", "internet", flow.TCP, 443},
		{"inf-stray", "pump-icu-1", flow.TCP, 3613},
		{"intranet", "central-gw", flow.UDP, 24105},
		{"impostor", "pump-icu-1", flow.TCP, 3613},
	} {
		name := fmt.Sprintf("%s to %s %s %d", a.from, a.to, a.protocol, a.port)
		b.attempts = append(b.attempts, h.Station(a.from).Attempt(name, h.Station(a.to), h.Party(a.to).Addresses[0], a.protocol, a.port))
	}
	return b
}

func (b *traffic) end() {
	for _, s := range b.streams {
		s.Close()
	}
	for _, a := range b.attempts {
		a.Close()
	}
}

// mark tells what the streams lost since the mark before. cut are streams whose
// permission was taken away meanwhile: what they lose is told, no more.
func (b *traffic) mark(t *testing.T, what string, cut ...string) {
	t.Helper()
	fmt.Fprintf(&b.said, "%s\n", what)
	for _, s := range b.streams {
		m, before := s.Mark(t.Context()), b.marks[s.Name]
		b.marks[s.Name] = m
		lost := (m.Sent - before.Sent) - (m.Echoed - before.Echoed)
		fmt.Fprintf(&b.said, "  %-32s %5d telegrams, %d lost, %4d ms at most between two\n", s.Name, m.Sent-before.Sent, lost, m.Longest.Milliseconds())
		exempt := false
		for _, c := range cut {
			exempt = exempt || strings.HasPrefix(s.Name, c)
		}
		if m.Err != nil {
			t.Errorf("%s: %s broke: %v", what, s.Name, m.Err)
		}
		if lost != 0 && !exempt {
			t.Errorf("%s: %s lost %d of %d telegrams", what, s.Name, lost, m.Sent-before.Sent)
		}
	}
	for _, a := range b.attempts {
		made, arrived := a.Arrived()
		for _, c := range cut {
			if strings.HasPrefix(a.Name, c) && strings.HasPrefix(c, "impostor") {
				fmt.Fprintf(&b.said, "  %-32s %5d packets got through meanwhile\n", a.Name, arrived-b.excused[a.Name])
				b.excused[a.Name] = arrived
			}
		}
		if arrived > b.excused[a.Name] || made == 0 {
			t.Errorf("%s: %s: of %d attempts, %d packets got through, %d of them excused: %s",
				what, a.Name, made, arrived, b.excused[a.Name], strings.Join(a.Through(), "; "))
		}
	}
}

// changeUnderTraffic lets everything change that changes in a year.
func changeUnderTraffic(t *testing.T, h *house.House) {
	enforceImaging(t, h)
	must(t, h.Custom.Create(t.Context(), toPumps()))
	b := begin(t, h)
	defer func() {
		b.end()
		must(t, h.Custom.Delete(context.Background(), toPumps()))
		for _, a := range b.attempts {
			made, arrived := a.Arrived()
			fmt.Fprintf(&b.said, "forbidden: %-34s %5d attempts, %d arrived\n", a.Name, made, arrived)
		}
		fmt.Println(b.said.String())
		must(t, os.WriteFile(filepath.Join(artefacts(t), "change.txt"), []byte(b.said.String()), 0o644))
	}()
	settle := func() {
		must(t, h.Ready(t.Context()))
		must(t, h.Settle(t.Context()))
	}
	start := func() { startOperator(t, h); settle() }
	settle()
	b.mark(t, "nothing happens")

	h.StopOperator()
	start()
	b.mark(t, "the operator restarts")

	h.KillOperator()
	start()
	b.mark(t, "the operator is killed")

	conduits(t, h, b, settle)
	upgrade(t, h, b, settle)
	if !short {
		dnsMode(t, h, b, settle)
	}
	setEnforcement(t, h, "imaging", medfencev1alpha1.Observe)
	settle()
	b.mark(t, "a zone goes back to Observe")
	setEnforcement(t, h, "imaging", medfencev1alpha1.Enforce)
	settle()
	b.mark(t, "a zone goes from Observe to Enforce")
	vandals(t, h, b, settle)

	must(t, h.Isolate(t.Context(), true))
	time.Sleep(3 * time.Second) // time for the agents and the operator to notice
	must(t, h.Isolate(t.Context(), false))
	settle()
	b.mark(t, "the API server is unreachable for three seconds")
}

// toPumps is a conduit that the sample lacks: datagrams between a pump and its
// gateway.
func toPumps() *medfencev1alpha1.Conduit {
	model := func(name string) *metav1.LabelSelector {
		return &metav1.LabelSelector{MatchLabels: map[string]string{"hospital.example/model": name}}
	}
	c := &medfencev1alpha1.Conduit{ObjectMeta: metav1.ObjectMeta{Name: "gateway-to-pumps-datagrams"}}
	c.Spec = medfencev1alpha1.ConduitSpec{
		From:     medfencev1alpha1.ConduitEnd{Zones: []string{"infusion"}, DeviceSelector: model("pump-gateway")},
		To:       medfencev1alpha1.ConduitEnd{Zones: []string{"infusion"}, DeviceSelector: model("alaris-pcu")},
		Services: []medfencev1alpha1.ConduitService{{Protocol: "UDP", Port: new(int32(24105)), Encrypted: "Yes"}},
		Purpose:  "The pumps tell their gateway what they do, by datagrams",
	}
	return c
}

func startOperator(t *testing.T, h *house.House) {
	t.Helper()
	must(t, h.StartOperator(t.Context(), string(snapshot.Cilium)))
}

// conduits are added, changed, expire and are deleted.
func conduits(t *testing.T, h *house.House, b *traffic, settle func()) {
	c := toGateway("nurse-stations")
	c.Spec.Services[0].Protocol, c.Spec.Services[0].Port = "TCP", new(int32(8443))
	knock := func(port uint16, want bool, what string) {
		settle()
		probe, err := h.Station("nurses-pc").Send(h.Party("pump-gw-a").Addresses[0], flow.TCP, port)
		must(t, err)
		defer func() { _ = probe.Close() }()
		patience := 30 * time.Second
		if !want {
			patience = time.Second // the receiver's witness is asked, and the table has asked the agent
		}
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		if got := probe.Passes(ctx); got != want || !want && h.Station("pump-gw-a").Arrived(probe.Key) > 0 {
			t.Errorf("%s: the nurses reach port %d: %t, want %t", what, port, got, want)
		}
		b.mark(t, what)
	}
	must(t, h.Custom.Create(t.Context(), c))
	knock(8443, true, "a conduit is added")
	update(t, h, c, func() { c.Spec.Services[0].Port = new(int32(443)) })
	knock(443, true, "a conduit is changed")
	knock(8443, false, "what it permitted before")
	update(t, h, c, func() { c.Spec.ExpiresAt = &metav1.Time{Time: time.Now().Add(2 * time.Second)} })
	must(t, h.Await(t.Context(), "the conduit has expired", func() error {
		if err := h.Custom.Get(t.Context(), client.ObjectKeyFromObject(c), c); err != nil {
			return err
		}
		for _, condition := range c.Status.Conditions {
			if condition.Type == medfencev1alpha1.ConditionReady && condition.Reason == medfencev1alpha1.ReasonExpired {
				return nil
			}
		}
		return fmt.Errorf("its conditions are %v", c.Status.Conditions)
	}))
	knock(443, false, "a conduit expires")
	must(t, h.Custom.Delete(t.Context(), c))
	knock(443, false, "a conduit is deleted")
}

func update(t *testing.T, h *house.House, o client.Object, change func()) {
	t.Helper()
	must(t, h.Await(t.Context(), "an update is taken", func() error {
		if err := h.Custom.Get(t.Context(), client.ObjectKeyFromObject(o), o); err != nil {
			return err
		}
		change()
		return h.Custom.Update(t.Context(), o)
	}))
}

// dnsMode has every policy of a zone changed by its own spec.
func dnsMode(t *testing.T, h *house.House, b *traffic, settle func()) {
	z := &medfencev1alpha1.DeviceZone{ObjectMeta: metav1.ObjectMeta{Name: "infusion"}}
	for _, mode := range []medfencev1alpha1.DNSMode{medfencev1alpha1.DNSNone, medfencev1alpha1.DNSCluster} {
		update(t, h, z, func() { z.Spec.DNS = mode })
		settle()
		b.mark(t, "every policy of a zone is written anew (dns: "+string(mode)+")")
	}
}

func setEnforcement(t *testing.T, h *house.House, zone string, to medfencev1alpha1.Enforcement) {
	t.Helper()
	z := &medfencev1alpha1.DeviceZone{ObjectMeta: metav1.ObjectMeta{Name: zone}}
	update(t, h, z, func() { z.Spec.Enforcement = to })
}

// vandals delete our policies, kind by kind. The operator writes them again.
// Pods of a zone are closed twice, by baseline and guard. Two things there are
// once: what permits, and the moat between everybody's pods and the devices'
// addresses. Of those it is told what passed or was lost until they were back;
// the admission policies are there to refuse such a deletion.
func vandals(t *testing.T, h *house.House, b *traffic, settle func()) {
	for _, component := range []string{"guard", "moat", "baseline", "allow"} {
		objects, err := h.List(t.Context(), policyKinds...)
		must(t, err)
		var cut []string
		for _, o := range objects {
			if o.GetLabels()[medfencev1alpha1.LabelComponent] != component || !strings.Contains(o.GetName()+o.GetNamespace(), "infusion") {
				continue
			}
			must(t, h.Client.Delete(t.Context(), o))
			must(t, h.Await(t.Context(), o.GetName()+" is written again", func() error {
				again := &unstructured.Unstructured{}
				again.SetGroupVersionKind(o.GroupVersionKind())
				if err := h.Client.Get(t.Context(), client.ObjectKeyFromObject(o), again); err != nil {
					return err
				}
				if again.GetUID() == o.GetUID() {
					return fmt.Errorf("it is the old one")
				}
				return nil
			}))
			settle()
		}
		switch component {
		case "allow":
			cut = []string{"pump-gw"}
		case "moat":
			cut = []string{"impostor to pump"}
		}
		b.mark(t, "somebody deletes the infusion zone's "+component, cut...)
	}
}
