package verdict

import (
	"fmt"
	"net/netip"

	ciliumv2 "github.com/cilium/cilium/pkg/k8s/apis/cilium.io/v2"
	slimmetav1 "github.com/cilium/cilium/pkg/k8s/slim/k8s/apis/meta/v1"
	"github.com/cilium/cilium/pkg/labels"
	"github.com/cilium/cilium/pkg/policy/api"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// readGroup reads a CiliumCIDRGroup.
func (r *reader) readGroup(policy Policy, obj *unstructured.Unstructured) error {
	var group struct {
		Spec ciliumv2.CiliumCIDRGroupSpec `json:"spec"`
	}
	if err := decode(obj, &group, "spec"); err != nil {
		return err
	}
	for _, c := range group.Spec.ExternalCIDRs {
		if p, err := netip.ParsePrefix(string(c)); err == nil && p.Addr().Is4In6() {
			return refused("%q is no prefix", c)
		}
	}
	r.reading.group = newGroup(policy.Name, obj.GetLabels(), group.Spec.ExternalCIDRs)
	return nil
}

// readCilium reads a CiliumNetworkPolicy or CiliumClusterwideNetworkPolicy.
func (r *reader) readCilium(policy Policy, obj *unstructured.Unstructured) error {
	var content struct {
		Spec  *api.Rule   `json:"spec"`
		Specs []*api.Rule `json:"specs"`
	}
	if err := decode(obj, &content, "spec", "specs"); err != nil {
		return err
	}
	if policy.Kind == "CiliumNetworkPolicy" {
		policy.Namespace = namespaceOf(policy)
	}
	if content.Spec != nil {
		if err := r.readRules(policy, "spec", content.Spec); err != nil {
			return err
		}
	}
	for i, in := range content.Specs {
		if err := r.readRules(policy, fmt.Sprintf("specs[%d]", i), in); err != nil {
			return err
		}
	}
	if content.Spec == nil && content.Specs == nil {
		return refused("it has neither spec nor specs")
	}
	return nil
}

// readRules reads one spec. One about nodes selects no pod, and is left out.
func (r *reader) readRules(policy Policy, path string, in *api.Rule) error {
	if err := checkSpec(policy, in); err != nil {
		return err
	}
	if in.NodeSelector.LabelSelector != nil {
		return nil
	}
	s := &spec{policy: policy, path: path, namespace: policy.Namespace, closes: map[Direction]bool{}}
	s.subject = ciliumSelector(in.EndpointSelector.LabelSelector, sourceAny)
	if policy.Namespace != "" {
		s.subject = replaceMatch(s.subject, in.EndpointSelector.LabelSelector, policy.Namespace)
	}
	rules := ciliumReader{reader: r, spec: s, init: s.subject.hasKey("init", sourceReserved)}
	s.closes[Ingress] = closes(in.EnableDefaultDeny.Ingress, len(in.Ingress)+len(in.IngressDeny))
	s.closes[Egress] = closes(in.EnableDefaultDeny.Egress, len(in.Egress)+len(in.EgressDeny))
	r.reading.specs = append(r.reading.specs, s)
	return rules.readAll(in)
}

// closes reports whether a direction denies by default: where it has rules,
// unless it is told not to. Without rules even an explicit true closes nothing.
func closes(told *bool, rules int) bool {
	return rules > 0 && (told == nil || *told)
}

// replaceMatch binds a subject to the namespace of its policy. It overrides a
// namespace among the matchLabels; an expression stays and may contradict it.
func replaceMatch(s selector, ls *slimmetav1.LabelSelector, namespace string) selector {
	const key = sourceK8s + ":" + namespaceKey
	if _, given := ls.MatchLabels[key]; given {
		out := selector{}
		replaced := false
		for _, t := range s {
			if !replaced && t.source == sourceK8s && t.key == namespaceKey && t.operator == opIn {
				replaced = true
				continue
			}
			out = append(out, t)
		}
		s = out
	}
	return s.require(sourceK8s, namespaceKey, opIn, namespace)
}

// A ciliumReader reads the rules of one spec.
type ciliumReader struct {
	*reader
	spec *spec
	// init is true where the subject asks for the label of initialising pods:
	// peers of a clusterwide policy are then not bound to pods with a namespace.
	init bool
}

func (r ciliumReader) readAll(in *api.Rule) error {
	for i := range in.Ingress {
		x := &in.Ingress[i]
		if err := r.add(parts{
			direction: Ingress, path: fmt.Sprintf("%s.ingress[%d]", r.spec.path, i), l3: ingressPeers(&x.IngressCommonRule),
			ports: x.ToPorts, icmps: x.ICMPs, authentication: x.Authentication,
		}); err != nil {
			return err
		}
	}
	for i := range in.IngressDeny {
		x := &in.IngressDeny[i]
		if err := r.add(parts{
			direction: Ingress, deny: true, path: fmt.Sprintf("%s.ingressDeny[%d]", r.spec.path, i),
			l3: ingressPeers(&x.IngressCommonRule), ports: plainPorts(x.ToPorts), icmps: x.ICMPs,
		}); err != nil {
			return err
		}
	}
	for i := range in.Egress {
		x := &in.Egress[i]
		l3 := egressPeers(&x.EgressCommonRule)
		l3.names = x.ToFQDNs
		if err := r.add(parts{
			direction: Egress, path: fmt.Sprintf("%s.egress[%d]", r.spec.path, i), l3: l3,
			ports: x.ToPorts, icmps: x.ICMPs, authentication: x.Authentication,
		}); err != nil {
			return err
		}
	}
	for i := range in.EgressDeny {
		x := &in.EgressDeny[i]
		if err := r.add(parts{
			direction: Egress, deny: true, path: fmt.Sprintf("%s.egressDeny[%d]", r.spec.path, i),
			l3: egressPeers(&x.EgressCommonRule), ports: plainPorts(x.ToPorts), icmps: x.ICMPs,
		}); err != nil {
			return err
		}
	}
	return nil
}

// add reads one rule.
func (r ciliumReader) add(p parts) error {
	if err := p.check(); err != nil {
		return err
	}
	out := rule{direction: p.direction, deny: p.deny, path: p.path}
	if p.authentication != nil && p.authentication.Mode != api.AuthenticationModeDisabled {
		out.doubt = "it asks for the authentication of its peers"
	}
	var err error
	if out.ports, err = p.readPorts(); err != nil {
		return err
	}
	given := len(p.ports) + len(p.icmps)
	out.noPorts = given > 0 && len(out.ports) == 0
	switch {
	case p.l3.emptied():
		// An empty list that somebody wrote selects nobody.
	case p.l3.count() == 0 && given == 0:
		// An empty rule selects nobody.
	case p.l3.count() == 0:
		out.peers = []peer{everyone{}}
	default:
		if out.peers, err = r.peers(p.l3); err != nil {
			return err
		}
	}
	r.spec.rules = append(r.spec.rules, out)
	return nil
}

// peers reads the peers of a rule, of which there is one kind.
func (r ciliumReader) peers(in l3) ([]peer, error) {
	var out []peer
	for _, e := range in.endpoints {
		out = append(out, pods{r.bind(ciliumSelector(e.LabelSelector, sourceAny))})
	}
	for _, e := range in.entities {
		x, known := newEntity(e, r.Cluster)
		if !known {
			return nil, refused("it has the entity %q", e)
		}
		out = append(out, x)
	}
	for _, c := range in.cidrs {
		b, err := bareOrPrefix(string(c))
		if err != nil {
			return nil, err
		}
		out = append(out, block{prefix: b})
	}
	for _, c := range in.cidrSet {
		p, err := cidrRule(&c)
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	for _, n := range in.names {
		r.reading.names.add(n)
		out = append(out, name{n})
	}
	if in.untold != "" {
		out = append(out, unclear{in.untold})
	}
	return out, nil
}

// bind adds to a peer selector what Cilium adds (cilium.io/utils'
// getEndpointSelector): the namespace of the policy, or any for a clusterwide
// one, and the own cluster; unless the selector says something of its own, or
// of reserved labels.
func (r ciliumReader) bind(s selector) selector {
	if s.hasSource(sourceReserved) {
		return s
	}
	if !s.hasKey(namespaceKey, sourceK8s, sourceAny) {
		switch {
		case r.spec.namespace == "" && !r.init:
			s = s.require(sourceK8s, namespaceKey, opExists)
		case r.spec.namespace != "" && !s.hasKeyPrefix(namespaceLabels, sourceK8s, sourceAny):
			s = s.require(sourceK8s, namespaceKey, opIn, r.spec.namespace)
		}
	}
	if !s.hasKey(clusterKey, sourceK8s, sourceAny) {
		s = s.require(sourceK8s, clusterKey, opIn, r.Cluster)
	}
	return s
}

// cidrRule reads one entry of fromCIDRSet or toCIDRSet.
func cidrRule(c *api.CIDRRule) (peer, error) {
	except, err := exceptions(c.ExceptCIDRs)
	if err != nil {
		return nil, err
	}
	switch {
	case c.CIDRGroupRef != "":
		return groupRef{string(c.CIDRGroupRef), except}, nil
	case c.CIDRGroupSelector.LabelSelector != nil:
		if selector := c.CIDRGroupSelector; selector.IsWildcard() && len(except) == 0 {
			return accident{}, nil
		}
		return groupSelector{ciliumSelector(c.CIDRGroupSelector.LabelSelector, sourceGroup), except}, nil
	}
	p, err := prefixOf(string(c.Cidr))
	if err != nil {
		return nil, err
	}
	return block{prefix: p, except: except}, within(p, except)
}

func exceptions(list []api.CIDR) ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, text := range list {
		p, err := bareOrPrefix(string(text))
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

// bareOrPrefix reads a prefix, or an address, which is a prefix of full length.
func bareOrPrefix(text string) (netip.Prefix, error) {
	if ip, err := netip.ParseAddr(text); err == nil && ip.Zone() == "" && !ip.Is4In6() {
		return netip.PrefixFrom(ip, ip.BitLen()), nil
	}
	return prefixOf(text)
}

// validSelector refuses a selector that Cilium would refuse, and one with two
// keys that become one: Cilium keeps either of the two.
func validSelector(ls *slimmetav1.LabelSelector, defaultSource string) error {
	if list := labels.ValidateLabelSelector(ls, labels.LabelSelectorValidationOptions{}, nil); len(list) > 0 {
		return refused("it has an invalid selector: %v", list.ToAggregate())
	}
	seen := map[string]string{}
	for k, v := range ls.MatchLabels {
		source, key := splitKey(k, defaultSource)
		if other, there := seen[source+":"+key]; there && other != v {
			return refused("a selector asks for two values of %s", key)
		}
		seen[source+":"+key] = v
	}
	return nil
}
