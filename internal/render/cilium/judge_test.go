package cilium_test

import (
	"encoding/json"
	"net/netip"
	"slices"
	"strconv"
	"testing"

	ciliumv2 "github.com/cilium/cilium/pkg/k8s/apis/cilium.io/v2"
	slimmetav1 "github.com/cilium/cilium/pkg/k8s/slim/k8s/apis/meta/v1"
	"github.com/cilium/cilium/pkg/policy/api"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/flow"
	"github.com/medfence/medfence/internal/render/object"
	"github.com/medfence/medfence/internal/render/plantest"
)

// A judge says what the allow policies permit, from the bytes that are sent. It
// knows nothing of plans. Cilium's own engine is the better judge; this one
// needs no agent and is quick enough for thousands of plans.
type judge struct {
	policies []*ciliumv2.CiliumNetworkPolicy
	groups   map[api.CIDRGroupRef][]netip.Prefix
	memory   map[question]bool
}

// A question is whether a selector in a policy selects a pod.
type question struct {
	policy    *ciliumv2.CiliumNetworkPolicy
	selector  *slimmetav1.LabelSelector
	namespace string
	app       string
}

func newJudge(t *testing.T, objects []object.Object) *judge {
	t.Helper()
	j := &judge{groups: map[api.CIDRGroupRef][]netip.Prefix{}, memory: map[question]bool{}}
	for _, o := range objects {
		raw, err := json.Marshal(o.KubeObject)
		if err != nil {
			t.Fatal(err)
		}
		switch o.KubeObject.(type) {
		case *ciliumv2.CiliumNetworkPolicy:
			cnp := &ciliumv2.CiliumNetworkPolicy{}
			if err := json.Unmarshal(raw, cnp); err != nil {
				t.Fatal(err)
			}
			j.policies = append(j.policies, cnp)
		case *ciliumv2.CiliumCIDRGroup:
			group := &ciliumv2.CiliumCIDRGroup{}
			if err := json.Unmarshal(raw, group); err != nil {
				t.Fatal(err)
			}
			for _, cidr := range group.Spec.ExternalCIDRs {
				ref := api.CIDRGroupRef(group.Name)
				j.groups[ref] = append(j.groups[ref], netip.MustParsePrefix(string(cidr)))
			}
		}
	}
	return j
}

// An access is what one rule lets pass.
type access struct {
	toPorts api.PortRules
	icmps   api.ICMPRules
}

// egress returns what the rules let a pod send.
func (j *judge) egress(pod, to plantest.Party) []access {
	var out []access
	for _, cnp := range j.policies {
		if !j.selects(cnp, cnp.Spec.EndpointSelector, pod) {
			continue
		}
		for _, r := range cnp.Spec.Egress {
			hit := j.hit(cnp, r.ToEndpoints, r.ToCIDRSet, r.ToEntities, to) ||
				slices.ContainsFunc(r.ToFQDNs, func(f api.FQDNSelector) bool {
					return to.FQDN != "" && (f.MatchName == to.FQDN || f.MatchPattern == to.FQDN)
				})
			if hit {
				out = append(out, access{r.ToPorts, r.ICMPs})
			}
		}
	}
	return out
}

// ingress returns what the rules let a pod receive.
func (j *judge) ingress(from, pod plantest.Party) []access {
	var out []access
	for _, cnp := range j.policies {
		if !j.selects(cnp, cnp.Spec.EndpointSelector, pod) {
			continue
		}
		for _, r := range cnp.Spec.Ingress {
			if j.hit(cnp, r.FromEndpoints, r.FromCIDRSet, r.FromEntities, from) {
				out = append(out, access{r.ToPorts, r.ICMPs})
			}
		}
	}
	return out
}

// best says how much of a packet passes by any of the rules.
func best(rules []access, packet plantest.Packet) plantest.Grade {
	out := plantest.Nothing
	for _, a := range rules {
		out = max(out, grade(a.toPorts, a.icmps, packet))
	}
	return out
}

// hit reports whether a party is one of the peers; no peers at all is everyone.
func (j *judge) hit(
	cnp *ciliumv2.CiliumNetworkPolicy, endpoints []api.EndpointSelector, set api.CIDRRuleSlice, entities api.EntitySlice, a plantest.Party,
) bool {
	switch a.Entity {
	case medfencev1alpha1.EntityKubeAPIServer:
		return slices.Contains(entities, api.EntityKubeAPIServer)
	case medfencev1alpha1.EntityNodes:
		return slices.Contains(entities, api.EntityHost) && slices.Contains(entities, api.EntityRemoteNode)
	}
	if a.Pod() {
		return slices.ContainsFunc(endpoints, func(s api.EndpointSelector) bool { return j.selects(cnp, s, a) })
	}
	return a.Addr.IsValid() && slices.ContainsFunc(set, func(r api.CIDRRule) bool {
		return slices.ContainsFunc(j.groups[r.CIDRGroupRef], func(p netip.Prefix) bool { return p.Contains(a.Addr) })
	})
}

func (j *judge) selects(cnp *ciliumv2.CiliumNetworkPolicy, s api.EndpointSelector, pod plantest.Party) bool {
	q := question{cnp, s.LabelSelector, pod.Namespace, pod.Labels["app"]}
	answer, known := j.memory[q]
	if !known {
		answer = selects(cnp, s, pod)
		j.memory[q] = answer
	}
	return answer
}

// selects binds a selector without a namespace to that of the policy.
func selects(cnp *ciliumv2.CiliumNetworkPolicy, s api.EndpointSelector, pod plantest.Party) bool {
	const namespace = "k8s:io.kubernetes.pod.namespace"
	if !s.HasKey(namespace) && cnp.Namespace != pod.Namespace {
		return false
	}
	labels := map[string]string{namespace: pod.Namespace}
	for key, value := range pod.Labels {
		labels["k8s:"+key] = value
	}
	return plantest.Selects(plain(s.LabelSelector), labels)
}

func plain(s *slimmetav1.LabelSelector) metav1.LabelSelector {
	out := metav1.LabelSelector{MatchLabels: s.MatchLabels}
	for _, e := range s.MatchExpressions {
		out.MatchExpressions = append(out.MatchExpressions, metav1.LabelSelectorRequirement{
			Key: e.Key, Operator: metav1.LabelSelectorOperator(e.Operator), Values: e.Values,
		})
	}
	return out
}

// grade: no ports at all means every port.
func grade(toPorts api.PortRules, icmps api.ICMPRules, packet plantest.Packet) plantest.Grade {
	if len(toPorts)+len(icmps) == 0 {
		return plantest.All
	}
	best := plantest.Nothing
	for _, r := range toPorts {
		hit := slices.ContainsFunc(r.Ports, func(p api.PortProtocol) bool { return covers(p, packet) })
		if hit && r.Rules != nil && len(r.Rules.HTTP) > 0 {
			best = max(best, plantest.Requests)
		} else if hit {
			best = plantest.All
		}
	}
	v4, v6 := object.ICMPFamilies(packet.ICMPType)
	if packet.Protocol == flow.ICMP &&
		v4 == has(icmps, api.IPv4Family, packet.ICMPType) && v6 == has(icmps, api.IPv6Family, packet.ICMPType) {
		return plantest.All
	}
	return best
}

// covers: port 0 is every port.
func covers(p api.PortProtocol, packet plantest.Packet) bool {
	first, err := strconv.Atoi(p.Port)
	if err != nil || string(p.Protocol) != string(packet.Protocol) {
		return false
	}
	last := max(first, int(p.EndPort))
	return first == 0 || first <= int(packet.Port) && int(packet.Port) <= last
}

func has(rules api.ICMPRules, family string, icmpType uint8) bool {
	return slices.ContainsFunc(rules, func(r api.ICMPRule) bool {
		return slices.ContainsFunc(r.Fields, func(f api.ICMPField) bool {
			return f.Family == family && f.Type.IntValue() == int(icmpType)
		})
	})
}
