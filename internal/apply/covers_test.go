package apply

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	utiljson "k8s.io/apimachinery/pkg/util/json"

	"github.com/medfence/medfence/internal/cidrgroup"
)

// parsed reads a spec of a guard of pods that are called a.
func parsed(t *testing.T, denies string) any {
	t.Helper()
	var out any
	text := `{"endpointSelector": {"matchLabels": {"k8s:app": "a"}}, "enableDefaultDeny": {"ingress": false, "egress": false}` + denies + `}`
	if err := utiljson.Unmarshal([]byte(text), &out); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return out
}

const (
	everyPod = `{"fromEndpoints": [{"matchExpressions": [{"key": "k8s:io.cilium.k8s.policy.cluster", "operator": "Exists"}]}]}`
	// But one peer, and of that one all but a port.
	notOnePeer = `{"fromEndpoints": [
 {"matchExpressions": [{"key": "k8s:io.cilium.k8s.policy.cluster", "operator": "Exists"}, {"key": "k8s:io.kubernetes.pod.namespace", "operator": "NotIn", "values": ["peer"]}]},
 {"matchExpressions": [{"key": "k8s:io.cilium.k8s.policy.cluster", "operator": "NotIn", "values": ["default"]}]},
 {"matchExpressions": [{"key": "k8s:io.kubernetes.pod.namespace", "operator": "In", "values": ["peer"]}, {"key": "k8s:app", "operator": "NotIn", "values": ["engine"]}]}]}`
	peerPorts = `{"fromEndpoints": [{"matchExpressions": [{"key": "k8s:io.kubernetes.pod.namespace", "operator": "In", "values": ["peer"]}]}], "toPorts": [{"ports": [{"port": "1", "endPort": 24104, "protocol": "UDP"}]}]}`
	peerICMP  = `{"fromEndpoints": [{"matchExpressions": [{"key": "k8s:io.kubernetes.pod.namespace", "operator": "In", "values": ["peer"]}]}], "icmps": [{"fields": [{"family": "IPv4", "type": 0}]}]}`
	world     = `{"fromEntities": ["world"]}`
	notGroup  = `{"fromCIDRSet": [{"cidrGroupSelector": {"matchExpressions": [{"key": "io.cilium.policy.cidrgroupname/g", "operator": "DoesNotExist"}]}}]}`
	notGroups = `{"fromCIDRSet": [{"cidrGroupSelector": {"matchExpressions": [{"key": "io.cilium.policy.cidrgroupname/g", "operator": "DoesNotExist"}, {"key": "io.cilium.policy.cidrgroupname/h", "operator": "DoesNotExist"}]}}]}`
	portsOfG  = `{"fromCIDRSet": [{"cidrGroupRef": "g"}], "toPorts": [{"ports": [{"port": "1", "endPort": 99, "protocol": "TCP"}]}]}`
	portsOfH  = `{"fromCIDRSet": [{"cidrGroupRef": "h"}], "toPorts": [{"ports": [{"port": "1", "endPort": 99, "protocol": "TCP"}]}]}`
	onlyOne   = `{"fromEndpoints": [{"matchExpressions": [{"key": "k8s:io.cilium.k8s.policy.cluster", "operator": "Exists"}, {"key": "k8s:io.kubernetes.pod.namespace", "operator": "NotIn", "values": ["peer"]}]}]}`
)

func ingress(rules ...string) string { return `, "ingressDeny": [` + strings.Join(rules, ",") + `]` }

func TestASpecIsCoveredByOneThatDeniesMore(t *testing.T) {
	cases := map[string]struct {
		narrow, wide string
		want         bool
	}{
		"the same":                             {ingress(everyPod, world), ingress(everyPod, world), true},
		"nothing":                              {"", ingress(everyPod), true},
		"a conduit from pods":                  {ingress(notOnePeer, peerPorts, peerICMP), ingress(everyPod), true},
		"a conduit from the first addresses":   {ingress(everyPod, notGroup, portsOfG), ingress(everyPod, world), true},
		"a conduit from more addresses":        {ingress(notGroups, portsOfG, portsOfH), ingress(notGroup, portsOfG), true},
		"pods without a cluster":               {ingress(`{"fromEndpoints": [{"matchExpressions": [{"key": "k8s:io.cilium.k8s.policy.cluster", "operator": "DoesNotExist"}]}]}`), ingress(everyPod), false},
		"without that conduit":                 {ingress(notGroup, portsOfG), ingress(notGroups, portsOfG, portsOfH), false},
		"the other group":                      {ingress(notGroup), ingress(strings.ReplaceAll(notGroup, "/g", "/h")), false},
		"a group in its own complement":        {ingress(portsOfG), ingress(notGroup), false},
		"other ports":                          {ingress(strings.ReplaceAll(portsOfG, "99", "98")), ingress(portsOfG), false},
		"all ports":                            {ingress(`{"fromCIDRSet": [{"cidrGroupRef": "g"}]}`), ingress(portsOfG), false},
		"ICMP by ports":                        {ingress(peerICMP), ingress(peerPorts), false},
		"one peer less":                        {ingress(everyPod), ingress(notOnePeer), false},
		"an entity more":                       {ingress(`{"fromEntities": ["world", "remote-node"]}`), ingress(world), false},
		"another direction":                    {ingress(world), strings.ReplaceAll(strings.ReplaceAll(ingress(world), "ingress", "egress"), "from", "to"), false},
		"what is not understood":               {ingress(`{"fromRequires": [{}]}`), ingress(world, everyPod), false},
		"what is understood in part":           {ingress(`{"fromEntities": ["world"], "authentication": {"mode": "required"}}`), ingress(world), false},
		"no rule of anybody":                   {ingress(`{}`), ingress(world, everyPod), false},
		"a rule that is none":                  {ingress(`7`), ingress(world, everyPod), false},
		"pods by another of their labels":      {ingress(`{"fromEndpoints": [{"matchLabels": {"k8s:app": "x"}}]}`), ingress(everyPod), false},
		"pods, beside those of one namespace":  {ingress(`{"fromEndpoints": [{"matchLabels": {"k8s:io.kubernetes.pod.namespace": "peer"}}]}`), ingress(onlyOne), false},
		"pods among those of other namespaces": {ingress(`{"fromEndpoints": [{"matchLabels": {"k8s:io.kubernetes.pod.namespace": "x"}}]}`), ingress(onlyOne), true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := covered(parsed(t, tc.narrow), []any{parsed(t, tc.wide)}); got != tc.want {
				t.Errorf("covered: %t, want %t", got, tc.want)
			}
		})
	}
}

func TestASpecOfOtherPodsCoversNothing(t *testing.T) {
	var other map[string]any
	if err := utiljson.Unmarshal([]byte(`{"endpointSelector": {}, "ingressDeny": [`+world+`]}`), &other); err != nil {
		t.Fatal(err)
	}
	if covered(parsed(t, ingress(world)), []any{other}) || covered(parsed(t, ""), nil) {
		t.Error("covered by a spec of other pods, or by none")
	}
	if !covered(parsed(t, ingress(world)), []any{other, parsed(t, ""), parsed(t, ingress(world))}) {
		t.Error("not covered by the third")
	}
}

// A party is somebody whom a rule may deny: a pod by its labels, an address by
// the one group that it is in.
type partyOf struct {
	labels map[string]string
	group  string
	entity string
}

var partiesOf = func() []partyOf {
	out := []partyOf{{entity: "remote-node"}}
	for _, g := range []string{"", "g", "h"} {
		out = append(out, partyOf{entity: "world", group: g})
	}
	for _, cluster := range []string{"default", "other"} {
		for _, namespace := range []string{"n", "m", "o"} {
			for _, app := range []string{"", "x", "y"} {
				labels := map[string]string{clusterLabel: cluster, namespaceLabel: namespace}
				if app != "" {
					labels["k8s:app"] = app
				}
				out = append(out, partyOf{labels: labels})
			}
		}
	}
	return out
}()

// denied returns all that specs deny: party and traffic.
func denied(specs ...any) map[[2]int]bool {
	out := map[[2]int]bool{}
	for _, spec := range specs {
		for _, rule := range rulesOf(spec.(map[string]any), "ingressDeny") {
			for i, p := range partiesOf {
				if !p.in(rule) {
					continue
				}
				for traffic, field := range []string{"toPorts", "icmps", ""} {
					_, ports := rule["toPorts"]
					_, icmps := rule["icmps"]
					if _, named := rule[field]; named || !ports && !icmps {
						out[[2]int{i, traffic}] = true
					}
				}
			}
		}
	}
	return out
}

func (p partyOf) in(rule map[string]any) bool {
	list := func(field string) []any { out, _ := rule[field].([]any); return out }
	selects := func(selector any, labels map[string]string) bool {
		requirements, _ := requirementsOf(selector)
		return !slices.ContainsFunc(requirements, func(r requirement) bool {
			value, has := labels[r.key]
			return map[string]bool{
				"Exists": !has, "DoesNotExist": has,
				"In": !has || !slices.Contains(r.values, any(value)), "NotIn": slices.Contains(r.values, any(value)),
			}[r.operator]
		})
	}
	if p.labels != nil {
		return slices.ContainsFunc(list("fromEndpoints"), func(s any) bool { return selects(s, p.labels) })
	}
	return slices.Contains(list("fromEntities"), any(p.entity)) || p.entity == "world" && slices.ContainsFunc(list("fromCIDRSet"), func(item any) bool {
		i := item.(map[string]any)
		if i[cidrgroup.FieldRef] != nil {
			return i[cidrgroup.FieldRef] == p.group
		}
		return selects(i["cidrGroupSelector"], map[string]string{cidrgroup.LabelPrefix + p.group: ""})
	})
}

func TestWhatIsCoveredIsDenied(t *testing.T) {
	dice := rand.New(rand.NewPCG(1, 2))
	pick := func(list ...any) any { return list[dice.IntN(len(list))] }
	require := func(key, operator string, values ...any) any {
		out := map[string]any{"key": key, "operator": operator}
		if len(values) > 0 {
			out["values"] = values
		}
		return out
	}
	selector := func() any {
		var list []any
		for range 1 + dice.IntN(3) {
			list = append(list, pick(
				require(clusterLabel, "Exists"), require(clusterLabel, "NotIn", "default"),
				require(namespaceLabel, "In", "n"), require(namespaceLabel, "NotIn", "n"), require(namespaceLabel, "NotIn", "n", "m"), require(namespaceLabel, "In", "n", "m"),
				require("k8s:app", "In", "x"), require("k8s:app", "NotIn", "x"), require("k8s:app", "Exists"), require("k8s:app", "DoesNotExist")))
		}
		return map[string]any{"matchExpressions": list}
	}
	complement := func(groups ...string) any {
		var list []any
		for _, g := range groups {
			list = append(list, require(cidrgroup.LabelPrefix+g, "DoesNotExist"))
		}
		return map[string]any{"cidrGroupSelector": map[string]any{"matchExpressions": list}}
	}
	spec := func() any {
		var rules []any
		for range 1 + dice.IntN(4) {
			rule := map[string]any{}
			switch dice.IntN(3) {
			case 0:
				rule["fromEndpoints"] = []any{selector()}
			case 1:
				rule["fromEntities"] = []any{pick("world", "remote-node")}
			case 2:
				rule["fromCIDRSet"] = []any{pick(complement("g"), complement("h"), complement("g", "h"), map[string]any{cidrgroup.FieldRef: "g"}, map[string]any{cidrgroup.FieldRef: "h"})}
			}
			if narrow := pick("", "", "toPorts", "icmps").(string); narrow != "" {
				rule[narrow] = "some"
			}
			rules = append(rules, rule)
		}
		return map[string]any{"endpointSelector": map[string]any{}, "ingressDeny": rules}
	}
	yes, more := 0, 0
	for range 60000 {
		narrow, wide := spec(), []any{spec(), spec()}
		if !covered(narrow, wide) {
			continue
		}
		yes++
		all := denied(wide...)
		for what := range denied(narrow) {
			if !all[what] {
				t.Fatalf("%s\nis taken to be covered by\n%s\nwhich does not deny %+v", specText(narrow), specText(wide), partiesOf[what[0]])
			}
		}
		if !reflect.DeepEqual(all, denied(narrow)) {
			more++
		}
	}
	if yes < 1000 || more < 500 {
		t.Errorf("covered %d times, %d times by more: the dice show too little", yes, more)
	}
}
