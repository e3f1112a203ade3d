package verdict

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/cilium/cilium/pkg/policy/api"

	"github.com/medfence/medfence/internal/flow"
)

const (
	maxPorts = 40 // ports of one entry of toPorts, and fields of one of icmps
	maxICMP  = 255
)

// portName is the form of a port's name (RFC 6335, section 5.1).
var portName = regexp.MustCompile(`^([a-zA-Z0-9]-?)*[a-zA-Z](-?[a-zA-Z0-9])*$`)

// parts are the parts of a rule that all four kinds of rule have.
type parts struct {
	direction      Direction
	deny           bool
	path           string
	l3             l3
	ports          api.PortRules
	icmps          api.ICMPRules
	authentication *api.Authentication
}

// l3 are the peers of a rule. A nil list was not written; an empty one was.
type l3 struct {
	endpoints []api.EndpointSelector
	nodes     []api.EndpointSelector
	entities  api.EntitySlice
	cidrs     api.CIDRSlice
	cidrSet   api.CIDRRuleSlice
	names     api.FQDNSelectorSlice
	// untold names peers that the objects do not tell.
	untold string
	// others counts them.
	others int
	// requires counts fields that Cilium no longer knows.
	requires int
}

func ingressPeers(in *api.IngressCommonRule) l3 {
	out := l3{
		endpoints: in.FromEndpoints, nodes: in.FromNodes, entities: in.FromEntities,
		cidrs: in.FromCIDR, cidrSet: in.FromCIDRSet, requires: len(in.FromRequires), others: len(in.FromGroups),
	}
	if len(in.FromGroups) > 0 {
		out.untold = "a cloud's groups"
	}
	return out
}

func egressPeers(in *api.EgressCommonRule) l3 {
	out := l3{
		endpoints: in.ToEndpoints, nodes: in.ToNodes, entities: in.ToEntities,
		cidrs: in.ToCIDR, cidrSet: in.ToCIDRSet, requires: len(in.ToRequires), others: len(in.ToGroups) + len(in.ToServices),
	}
	switch {
	case len(in.ToServices) > 0:
		out.untold = "what is behind a Service"
	case len(in.ToGroups) > 0:
		out.untold = "a cloud's groups"
	}
	return out
}

// emptied reports whether a list of peers was written and is empty: it selects
// nobody. Cilium does not look at the list of names here, so that one which is
// empty means everyone.
func (l l3) emptied() bool {
	return l.endpoints != nil && len(l.endpoints) == 0 || l.nodes != nil && len(l.nodes) == 0 ||
		l.entities != nil && len(l.entities) == 0 || l.cidrs != nil && len(l.cidrs) == 0 ||
		l.cidrSet != nil && len(l.cidrSet) == 0
}

func (l l3) count() int {
	return len(l.endpoints) + len(l.nodes) + len(l.entities) + len(l.cidrs) + len(l.cidrSet) + len(l.names) + l.others
}

// kinds counts the kinds of peers.
func (l l3) kinds() int {
	n := 0
	for _, length := range []int{
		len(l.endpoints), len(l.nodes), len(l.entities), len(l.cidrs), len(l.cidrSet), len(l.names), l.others,
	} {
		if length > 0 {
			n++
		}
	}
	return n
}

// checkSpec refuses what the agent refuses (pkg/policy/api/rule_validation.go).
func checkSpec(policy Policy, in *api.Rule) error {
	if len(in.Ingress)+len(in.IngressDeny)+len(in.Egress)+len(in.EgressDeny) == 0 {
		return refused("it has no rules")
	}
	pods, nodes := in.EndpointSelector.LabelSelector, in.NodeSelector.LabelSelector
	if (pods == nil) == (nodes == nil) {
		return refused("it needs either an endpointSelector or a nodeSelector")
	}
	if nodes != nil && policy.Namespace != "" {
		return refused("a namespaced policy cannot have a nodeSelector")
	}
	if pods != nil {
		return validSelector(pods, sourceAny)
	}
	return validSelector(nodes, sourceAny)
}

// check refuses what the agent refuses of a rule.
func (p parts) check() error {
	switch {
	case p.l3.requires > 0:
		return fmt.Errorf("%s has requirements, which are not known here", p.path)
	case p.l3.kinds() > 1:
		return refused("%s combines peers of several kinds", p.path)
	case len(p.l3.nodes) > 0:
		return refused("%s selects nodes by labels, which needs an option of Cilium", p.path)
	case len(p.icmps) > 0 && len(p.ports) > 0:
		return refused("%s has icmps beside toPorts", p.path)
	}
	return p.l3.check(p.path)
}

// check refuses peers that the agent refuses.
func (l l3) check(path string) error {
	for _, e := range l.endpoints {
		if err := validSelector(e.LabelSelector, sourceAny); err != nil {
			return err
		}
	}
	for _, c := range l.cidrSet {
		if err := checkCIDRRule(path, &c); err != nil {
			return err
		}
	}
	for _, n := range l.names {
		if _, err := n.ToRegex(); err != nil || n.MatchName != "" && n.MatchPattern != "" {
			return refused("%s has a name that is none", path)
		}
	}
	return nil
}

func checkCIDRRule(path string, c *api.CIDRRule) error {
	given := 0
	for _, set := range []bool{c.Cidr != "", c.CIDRGroupRef != "", c.CIDRGroupSelector.LabelSelector != nil} {
		if set {
			given++
		}
	}
	if given != 1 {
		return refused("%s needs one of cidr, cidrGroupRef and cidrGroupSelector", path)
	}
	if c.CIDRGroupSelector.LabelSelector != nil {
		return validSelector(c.CIDRGroupSelector.LabelSelector, sourceGroup)
	}
	return nil
}

// plainPorts returns the ports of a deny rule as those of an allow rule.
func plainPorts(in api.PortDenyRules) api.PortRules {
	var out api.PortRules
	for _, p := range in {
		out = append(out, api.PortRule{Ports: p.Ports})
	}
	return out
}

// readPorts reads ports and ICMP types.
func (p parts) readPorts() ([]port, error) {
	var out []port
	for i := range p.ports {
		entry := &p.ports[i]
		if len(entry.Ports) > maxPorts {
			return nil, refused("%s.toPorts[%d] has more than %d ports", p.path, i, maxPorts)
		}
		list, err := p.readEntry(entry, fmt.Sprintf("toPorts[%d]", i))
		if err != nil {
			return nil, err
		}
		out = append(out, list...)
	}
	icmps, err := p.readICMPs()
	return append(out, icmps...), err
}

// readEntry reads one entry of toPorts.
func (p parts) readEntry(entry *api.PortRule, path string) ([]port, error) {
	look, err := p.content(entry)
	if err != nil {
		return nil, err
	}
	var out []port
	for _, pp := range entry.Ports {
		x, err := ciliumPort(pp)
		if err != nil {
			return nil, err
		}
		if entry.Rules.Len() > 0 && x.name == "" && x.first == 0 {
			return nil, refused("%s.%s looks into every port", p.path, path)
		}
		x.path, x.content, x.voidable = path, look.what, look.voidable
		out = append(out, x)
	}
	return out, nil
}

func (p parts) readICMPs() ([]port, error) {
	var out []port
	for i, entry := range p.icmps {
		if len(entry.Fields) > maxPorts {
			return nil, refused("%s.icmps[%d] has more than %d fields", p.path, i, maxPorts)
		}
		for _, f := range entry.Fields {
			x, err := icmpOf(f)
			if err != nil {
				return nil, err
			}
			out = append(out, port{path: fmt.Sprintf("icmps[%d]", i), icmp: x})
		}
	}
	return out, nil
}

// ciliumPort reads a port. Numbers are read as Cilium reads them, which knows
// other bases.
func ciliumPort(in api.PortProtocol) (port, error) {
	p := port{protocol: flow.Protocol(strings.ToUpper(string(in.Protocol)))}
	if p.protocol == "ANY" {
		p.protocol = ""
	}
	if p.protocol != "" && !p.protocol.HasPorts() {
		return p, refused("a port has the protocol %q, which a stock install does not enforce", in.Protocol)
	}
	if len(in.Port) <= 15 && portName.MatchString(in.Port) {
		p.name = in.Port
		return p, nil
	}
	first, err := strconv.ParseUint(in.Port, 0, 16)
	if err != nil || in.EndPort < 0 || in.EndPort > flow.MaxPort {
		return p, refused("%q to %d are no ports", in.Port, in.EndPort)
	}
	p.first = uint16(first)
	p.last = max(p.first, uint16(in.EndPort))
	return p, nil
}

// icmpOf reads an ICMP type.
func icmpOf(f api.ICMPField) (*icmp, error) {
	if f.Family != "" && f.Family != api.IPv4Family && f.Family != api.IPv6Family {
		return nil, refused("an ICMP type has the family %q", f.Family)
	}
	kind, err := strconv.ParseUint(f.PortProtocol().Port, 0, 16)
	if err != nil || kind > maxICMP {
		return nil, refused("%q is no ICMP type", f.Type.String())
	}
	return &icmp{is6: f.Family == api.IPv6Family, every: kind == 0, kind: uint8(kind)}, nil
}

// A look is what a proxy does with a connection before it lets it pass.
type look struct {
	what string // empty is nothing
	// voidable is true where a plain rule beside it makes it irrelevant.
	voidable bool
}

// content tells what a proxy looks at in the connections of an entry.
func (p parts) content(in *api.PortRule) (look, error) {
	var rules api.L7Rules
	if in.Rules != nil {
		rules = *in.Rules
	}
	dns, http := len(rules.DNS), len(rules.HTTP)
	switch {
	case dns > 0 && (http > 0 || p.direction == Ingress):
		return look{}, refused("%s has rules for DNS where there can be none", p.path)
	case dns+http > 0 && (in.Listener != nil || len(in.ServerNames) > 0 && in.TerminatingTLS == nil):
		return look{}, refused("%s has rules of layer 7 beside what excludes them", p.path)
	case in.Listener != nil:
		return look{what: "a listener of Envoy decides"}, nil
	case http > 0:
		return look{what: "only some HTTP requests pass"}, p.onlyTCP(in)
	}
	return lookAtNames(in, rules.DNS), nil
}

// lookAtNames is content for names, of servers in TLS and those that may be
// resolved. A DNS rule for every name asks for nothing, and one beside a plain
// rule is void.
func lookAtNames(in *api.PortRule, dns api.PortRulesDNS) look {
	if in.TerminatingTLS != nil || in.OriginatingTLS != nil || len(in.ServerNames) > 0 {
		return look{what: "its TLS decides"}
	}
	every := func(r api.PortRuleDNS) bool { return r.MatchPattern == "*" && r.MatchName == "" }
	if len(dns) == 0 || slices.ContainsFunc(dns, every) {
		return look{}
	}
	return look{what: "only some names may be resolved", voidable: true}
}

// onlyTCP refuses HTTP on another protocol.
func (p parts) onlyTCP(in *api.PortRule) error {
	for _, pp := range in.Ports {
		if !strings.EqualFold(string(pp.Protocol), string(api.ProtoTCP)) {
			return refused("%s has rules for HTTP on %s", p.path, pp.Protocol)
		}
	}
	return nil
}
