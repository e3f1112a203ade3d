package analysis

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/yaml"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/catalog"
	"github.com/medfence/medfence/internal/flow"
	"github.com/medfence/medfence/internal/plan"
	"github.com/medfence/medfence/internal/snapshot"
)

// The texts that somebody must write before a proposed conduit is applied.
const (
	writePurpose    = "REPLACE: why this flow is needed"
	writeAcceptance = "REPLACE: who accepts this risk, why, and until when"
)

// proposal returns the conduit that would permit a flow, as YAML. It is empty
// where no conduit can: an end in no zone, or a pod that nobody registered.
func (r *Reach) proposal(e *Explanation) string {
	for _, p := range []*Place{e.From, e.To} {
		if p.Zone == "" || p.Unregistered || r.nowhere(p) {
			return ""
		}
	}
	c := r.propose(e)
	if r.risky(e, c.Spec.Services[0]) {
		c.Spec.RiskAcceptance = writeAcceptance
	}
	object := &medfencev1alpha1.Conduit{
		TypeMeta: metav1.TypeMeta{APIVersion: medfencev1alpha1.GroupVersion.String(), Kind: plan.KindConduit},
	}
	object.Name, object.Spec = c.Name, c.Spec
	text, err := yaml.Marshal(object)
	if err != nil {
		return ""
	}
	out, _, _ := strings.Cut(string(text), "status:")
	return out
}

// propose words the conduit.
func (r *Reach) propose(e *Explanation) snapshot.Conduit {
	spec := medfencev1alpha1.ConduitSpec{
		From:     r.side(e.From),
		To:       r.side(e.To),
		Services: []medfencev1alpha1.ConduitService{r.service(e.Packet)},
		Purpose:  writePurpose,
	}
	base := strings.ToLower(strings.ReplaceAll(fmt.Sprintf("%s-to-%s-%s", e.From.Zone, e.To.Zone, cmp.Or(e.Packet.Service, e.Packet.String())), " ", "-"))
	name := strings.Trim(base[:min(len(base), validation.DNS1123LabelMaxLength-3)], "-")
	for n := 2; r.conduits[name] != nil; n++ {
		name = fmt.Sprintf("%s-%d", strings.Trim(base[:min(len(base), validation.DNS1123LabelMaxLength-3)], "-"), n)
	}
	return snapshot.Conduit{Name: name, Spec: spec}
}

// side returns the narrowest side that takes the place in: the devices with all
// labels of the device, or else the zone.
func (r *Reach) side(p *Place) medfencev1alpha1.ConduitEnd {
	out := medfencev1alpha1.ConduitEnd{Zones: []string{p.Zone}}
	if p.Device == nil || !r.Segmented(p.Zone) {
		return out
	}
	if set := r.labels[deviceKey(p.Device)]; len(set) > 0 {
		out.DeviceSelector = &metav1.LabelSelector{MatchLabels: set}
	}
	return out
}

// service names the catalogue's service where one alone is on this port alone.
func (r *Reach) service(p Packet) medfencev1alpha1.ConduitService {
	c := r.catalogue()
	if s, ok := c.Lookup(p.Service); ok && sole(s, p) {
		return medfencev1alpha1.ConduitService{Name: s.Name}
	}
	known := slices.DeleteFunc(c.Services(), func(s catalog.Service) bool { return !sole(s, p) })
	if len(known) == 1 {
		return medfencev1alpha1.ConduitService{Name: known[0].Name}
	}
	if p.Protocol == flow.ICMP {
		return medfencev1alpha1.ConduitService{Protocol: medfencev1alpha1.Protocol(p.Protocol), ICMPType: new(int32(p.ICMPType))}
	}
	return medfencev1alpha1.ConduitService{Protocol: medfencev1alpha1.Protocol(p.Protocol), Port: new(int32(p.Port))}
}

// sole reports whether a service is this packet and no more.
func sole(s catalog.Service, p Packet) bool {
	if len(s.Endpoints) != 1 || s.Endpoints[0].Protocol != p.Protocol {
		return false
	}
	e := s.Endpoints[0]
	if p.Protocol == flow.ICMP {
		return slices.Equal(e.ICMPTypes, []uint8{p.ICMPType})
	}
	return slices.Equal(e.Ports, flow.PortSet{{Port: p.Port, End: p.Port}})
}

// risky reports whether the compiler refuses a conduit without riskAcceptance: a
// dangerous service, or one in the clear towards a zone that requires encryption.
func (r *Reach) risky(e *Explanation, s medfencev1alpha1.ConduitService) bool {
	c := r.catalogue()
	port := flow.PortRange{Port: e.Packet.Port, End: e.Packet.Port}
	if _, dangerous := c.DangerousAt(e.Packet.Protocol, port); dangerous && e.Packet.Protocol.HasPorts() {
		return true
	}
	known, _ := c.Lookup(s.Name)
	return !known.Encrypted && slices.ContainsFunc([]string{e.From.Zone, e.To.Zone}, func(zone string) bool {
		return r.zones[zone] != nil && r.zones[zone].Spec.Encryption == medfencev1alpha1.EncryptionRequired
	})
}

// catalogue is that of the snapshot.
func (r *Reach) catalogue() *catalog.Catalogue {
	if r.Snapshot.Catalogue != nil {
		return r.Snapshot.Catalogue
	}
	return catalog.Embedded()
}
