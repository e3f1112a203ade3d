package compile

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/api/equality"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/catalog"
	"github.com/medfence/medfence/internal/flow"
	"github.com/medfence/medfence/internal/plan"
	"github.com/medfence/medfence/internal/snapshot"
)

// An entry is what one element of spec.services resolves to: the catalogue's
// services may have one part for each protocol.
type entry struct {
	path     string
	services []flow.Service
}

func flatten(entries []entry) []flow.Service {
	var out []flow.Service
	for _, e := range entries {
		out = append(out, e.services...)
	}
	return out
}

// resolveServices resolves spec.services. A spec that was accepted as it
// stands keeps the ports that it was accepted with: a new catalogue never
// changes a conduit behind its owner's back.
func (c *compiler) resolveServices(d *conduit, report reporter) []entry {
	if a := d.in.Accepted; a != nil && len(a.Services) > 0 && equality.Semantic.DeepEqual(a.Spec, d.in.Spec) {
		return []entry{{path: "spec.services", services: c.acceptedServices(a)}}
	}
	if len(d.in.Spec.Services) == 0 {
		report(medfencev1alpha1.ReasonFieldRequired, "spec.services", "name at least one service")
	}
	var out []entry
	for i, s := range d.in.Spec.Services {
		path := fmt.Sprintf("spec.services[%d]", i)
		out = append(out, entry{path: path, services: c.resolveService(s, path, report)})
	}
	return out
}

func (c *compiler) resolveService(s medfencev1alpha1.ConduitService, path string, report reporter) []flow.Service {
	ports, ok := portsOf(s, path, report)
	if !ok {
		return nil
	}
	if s.Name == "" {
		return inlineService(s, ports, path, report)
	}
	if s.Protocol != "" || s.ICMPType != nil || s.Encrypted != "" {
		report(medfencev1alpha1.ReasonServiceInvalid, path,
			"a service has either a name or a protocol; remove protocol, icmpType and encrypted, or the name")
		return nil
	}
	known, ok := c.catalogue.Lookup(s.Name)
	if !ok {
		near := hint(s.Name, c.catalogue.Names())
		if near == "" {
			near = "; name one of the catalogue, or give protocol and port"
		}
		report(medfencev1alpha1.ReasonUnknownService, path+".name", "the catalogue has no service %q%s", s.Name, near)
		return nil
	}
	if len(ports) > 0 && !overridable(known, path, report) {
		return nil
	}
	return fromCatalogue(known, ports)
}

// overridable reports whether one port can replace those of a service.
func overridable(known catalog.Service, path string, report reporter) bool {
	switch {
	case !slices.ContainsFunc(known.Endpoints, func(e catalog.Endpoint) bool { return e.Protocol.HasPorts() }):
		report(medfencev1alpha1.ReasonPortOverride, path+".port", "service %s has no ports, so none can replace them; remove port", known.Name)
	case len(known.Endpoints) != 1:
		report(medfencev1alpha1.ReasonPortOverride, path+".port",
			"service %s has several protocols, so one port cannot replace its ports; give protocol and port without a name", known.Name)
	default:
		return true
	}
	return false
}

// portsOf returns the ports that a service gives itself.
func portsOf(s medfencev1alpha1.ConduitService, path string, report reporter) (flow.PortSet, bool) {
	valid := func(p *int32) bool { return p == nil || (*p >= 1 && *p <= flow.MaxPort) }
	switch {
	case !valid(s.Port) || !valid(s.EndPort):
		report(medfencev1alpha1.ReasonServiceInvalid, path+".port", "a port lies between 1 and 65535; correct it")
		return nil, false
	case s.EndPort != nil && s.Port == nil:
		report(medfencev1alpha1.ReasonServiceInvalid, path+".endPort", "endPort needs port beside it; add port")
		return nil, false
	case s.EndPort != nil && *s.EndPort < *s.Port:
		report(medfencev1alpha1.ReasonServiceInvalid, path+".endPort", "endPort must not be less than port; correct one of the two")
		return nil, false
	case s.Port == nil:
		return nil, true
	}
	end := *s.Port
	if s.EndPort != nil {
		end = *s.EndPort
	}
	return flow.NewPortSet(flow.PortRange{Port: uint16(*s.Port), End: uint16(end)}), true
}

func inlineService(s medfencev1alpha1.ConduitService, ports flow.PortSet, path string, report reporter) []flow.Service {
	out := flow.Service{Protocol: flow.Protocol(s.Protocol), Ports: ports, Encrypted: s.Encrypted == medfencev1alpha1.EncryptedYes}
	switch {
	case !slices.Contains([]medfencev1alpha1.Encrypted{"", medfencev1alpha1.EncryptedYes, medfencev1alpha1.EncryptedNo}, s.Encrypted):
		report(medfencev1alpha1.ReasonServiceInvalid, path+".encrypted", "%q is neither Yes nor No; correct it", string(s.Encrypted))
		return nil
	case out.Protocol == flow.ICMP && (!validICMPType(s.ICMPType) || len(ports) > 0):
		report(medfencev1alpha1.ReasonServiceInvalid, path,
			"ICMP takes an icmpType between 0 and 255 and no port, such as icmpType: 8 for ping; correct the service")
		return nil
	case out.Protocol == flow.ICMP:
		out.ICMPTypes = []uint8{uint8(*s.ICMPType)}
	case !out.Protocol.HasPorts():
		report(medfencev1alpha1.ReasonServiceInvalid, path+".protocol",
			"give the name of a service, or one of the protocols TCP, UDP, SCTP and ICMP")
		return nil
	case len(ports) == 0 || s.ICMPType != nil:
		report(medfencev1alpha1.ReasonServiceInvalid, path, "%s takes a port and no icmpType; correct the service", string(s.Protocol))
		return nil
	}
	return []flow.Service{out}
}

func validICMPType(t *int32) bool { return t != nil && *t >= 0 && *t <= 255 }

func fromCatalogue(known catalog.Service, ports flow.PortSet) []flow.Service {
	var out []flow.Service
	for _, e := range known.Endpoints {
		s := flow.Service{
			Name: known.Name, Protocol: e.Protocol, Ports: e.Ports, ICMPTypes: slices.Clone(e.ICMPTypes), Encrypted: known.Encrypted,
		}
		if len(ports) > 0 {
			s.Ports = ports
		}
		out = append(out, s)
	}
	return out
}

// checkRisk reports services that a conduit should not have without somebody
// who answers for them.
func (c *compiler) checkRisk(d *conduit, entries []entry, report reporter) {
	accepted := d.in.Spec.RiskAcceptance
	demanding := c.demandsEncryption(d)
	for _, e := range entries {
		for _, s := range e.services {
			c.checkDanger(s, e.path, accepted, report)
			checkPlaintext(s, e.path, demanding, accepted, report)
		}
	}
}

func (c *compiler) checkDanger(s flow.Service, path, accepted string, report reporter) {
	danger, found := c.danger(s)
	if !found {
		return
	}
	if accepted != "" {
		report(medfencev1alpha1.ReasonDangerousAccepted, path, "%s (%s) is dangerous; accepted: %s", s, danger.Title, accepted)
		return
	}
	report(medfencev1alpha1.ReasonDangerousService, path,
		"%s (%s) is a way by which ransomware spreads; use another service, or say in riskAcceptance who accepts the risk, until when and why",
		s, danger.Title)
}

// danger returns the dangerous service of the catalogue that a service is, or
// whose ports it opens.
func (c *compiler) danger(s flow.Service) (catalog.Service, bool) {
	if known, ok := c.catalogue.Lookup(s.Name); ok && known.Dangerous {
		return known, true
	}
	for _, r := range s.Ports {
		if known, ok := c.catalogue.DangerousAt(s.Protocol, r); ok {
			return known, true
		}
	}
	return catalog.Service{}, false
}

// demandsEncryption returns the name of a zone of the conduit that requires
// encryption, or "".
func (c *compiler) demandsEncryption(d *conduit) string {
	for _, n := range uniqueSorted(slices.Concat(d.in.Spec.From.Zones, d.in.Spec.To.Zones)) {
		if z := c.byName[n]; z.usable() && z.spec.Encryption == medfencev1alpha1.EncryptionRequired {
			return n
		}
	}
	return ""
}

func checkPlaintext(s flow.Service, path, demanding, accepted string, report reporter) {
	switch {
	case s.Encrypted || s.Protocol == flow.ICMP:
	case accepted != "":
		report(medfencev1alpha1.ReasonPlaintextAccepted, path, "%s is not encrypted; accepted: %s", s, accepted)
	case demanding != "":
		report(medfencev1alpha1.ReasonEncryptionRequired, path,
			"%s is not encrypted and zone %s requires encryption; use the encrypted service, or say in riskAcceptance who accepts the risk and why",
			s, demanding)
	default:
		report(medfencev1alpha1.ReasonPlaintext, path, "%s is not encrypted; use its encrypted form where the devices can", s)
	}
}

func checkHTTP(d *conduit, entries []entry, report reporter) {
	if len(d.in.Spec.HTTP) == 0 {
		return
	}
	for _, e := range entries {
		for _, s := range e.services {
			if s.Protocol != flow.TCP {
				report(medfencev1alpha1.ReasonHTTPNotTCP, e.path, "%s does not run over TCP, so http rules cannot narrow it; give it a conduit of its own", s)
			}
		}
	}
	for i, h := range d.in.Spec.HTTP {
		path := fmt.Sprintf("spec.http[%d]", i)
		if h.Method == "" && h.Path == "" {
			report(medfencev1alpha1.ReasonServiceInvalid, path, "an empty rule would let every request pass; give method or path, or remove http")
		}
		if !httpMethod.MatchString(h.Method) {
			report(medfencev1alpha1.ReasonServiceInvalid, path+".method", "%q is not a request method; write one in capital letters, such as GET", h.Method)
		}
		if _, err := regexp.Compile(h.Path); err != nil {
			report(medfencev1alpha1.ReasonServiceInvalid, path+".path", "%q is not a regular expression (%s); correct it", h.Path, regexpFault(err))
		}
	}
}

// httpMethod is the form of a request method, as in the CRD; none is every one.
var httpMethod = regexp.MustCompile(`^[A-Z]{0,16}$`)

// regexpFault says in a few words what is wrong with a regular expression.
func regexpFault(err error) string {
	if fault, ok := errors.AsType[*syntax.Error](err); ok {
		return fault.Code.String()
	}
	return "it cannot be read"
}

// acceptedServices reads back services as status keeps them. What cannot be
// read is left out: it would open something that nobody accepted. Of a record
// without services the catalogue of today tells; to have none would cut what
// was accepted.
func (c *compiler) acceptedServices(a *medfencev1alpha1.AcceptedConduit) []flow.Service {
	var out []flow.Service
	if len(a.Services) == 0 {
		for _, s := range a.Spec.Services {
			out = append(out, c.resolveService(s, "", func(string, string, string, ...any) {})...)
		}
		return out
	}
	for _, s := range a.Services {
		if fs := readService(s); (fs.Protocol.HasPorts() && len(fs.Ports) > 0) || (fs.Protocol == flow.ICMP && len(fs.ICMPTypes) > 0) {
			out = append(out, fs)
		}
	}
	return out
}

func readService(s medfencev1alpha1.AcceptedService) flow.Service {
	out := flow.Service{Name: s.Name, Protocol: flow.Protocol(s.Protocol), Encrypted: s.Encrypted}
	var ranges []flow.PortRange
	for _, text := range s.Ports {
		if r, ok := parseRange(text); ok {
			ranges = append(ranges, r)
		}
	}
	out.Ports = flow.NewPortSet(ranges...)
	for _, t := range s.ICMPTypes {
		if t >= 0 && t <= 255 {
			out.ICMPTypes = append(out.ICMPTypes, uint8(t))
		}
	}
	return out
}

func parseRange(text string) (flow.PortRange, bool) {
	first, last, ranged := strings.Cut(text, "-")
	port, err := strconv.ParseUint(first, 10, 16)
	if err != nil || port == 0 {
		return flow.PortRange{}, false
	}
	end := port
	if ranged {
		if end, err = strconv.ParseUint(last, 10, 16); err != nil || end < port {
			return flow.PortRange{}, false
		}
	}
	return flow.PortRange{Port: uint16(port), End: uint16(end)}, true
}

// keepServices writes services as status keeps them.
func keepServices(services []flow.Service) []medfencev1alpha1.AcceptedService {
	out := make([]medfencev1alpha1.AcceptedService, 0, len(services))
	for _, s := range services {
		kept := medfencev1alpha1.AcceptedService{Name: s.Name, Protocol: string(s.Protocol), Encrypted: s.Encrypted}
		for _, r := range s.Ports {
			kept.Ports = append(kept.Ports, r.String())
		}
		for _, t := range s.ICMPTypes {
			kept.ICMPTypes = append(kept.ICMPTypes, int32(t))
		}
		out = append(out, kept)
	}
	return out
}

// chooseEnforceable keeps the services that the target can enforce. What it
// cannot is not opened at all, and is reported.
func (c *compiler) chooseEnforceable(d *conduit) {
	if d.standing == plan.Absent {
		return
	}
	for _, s := range d.resolved {
		if path, message := c.limit(d, s); message != "" {
			c.unenforceable(d, path, message)
			continue
		}
		for _, h := range d.spec.HTTP {
			s.HTTP = append(s.HTTP, flow.HTTPRule{Method: h.Method, Path: h.Path})
		}
		d.services = append(d.services, s)
	}
}

// limit says why the target cannot enforce a service of a conduit, or "".
func (c *compiler) limit(d *conduit, s flow.Service) (path, message string) {
	cilium := c.in.Target.Kind == snapshot.Cilium
	switch {
	case len(d.spec.HTTP) > 0 && s.Encrypted:
		return "spec.http", "http rules cannot look inside an encrypted service; " + s.String() + " stays closed"
	case len(d.spec.HTTP) > 0 && (!cilium || !c.in.Target.HTTP):
		return "spec.http", "http rules need Cilium with its Envoy proxy; " + s.String() + " stays closed here"
	case s.Protocol != flow.ICMP:
		return "", ""
	case slices.Contains(s.ICMPTypes, 0):
		// Seen on Cilium's engine: type 0 in a rule lets every type pass.
		return "spec.services", "Cilium reads ICMP type 0 as every type, so " + s.String() + " stays closed; echo replies pass by themselves, with the request"
	case !cilium || !c.in.Target.ICMP:
		return "spec.services", "ICMP rules need Cilium; " + s.String() + " stays closed here"
	}
	return "", ""
}

// unenforceable reports a part of a conduit that the target cannot enforce.
func (c *compiler) unenforceable(d *conduit, path, message string) {
	d.partly = true
	c.problems = append(c.problems, d.problem(medfencev1alpha1.ReasonUnenforceable, path, "%s", wording(message)))
}
