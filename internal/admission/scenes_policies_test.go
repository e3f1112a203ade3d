package admission_test

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

func keyOf(o *unstructured.Unstructured) client.ObjectKey { return client.ObjectKeyFromObject(o) }

// policyIn returns a policy of somebody that lets everybody in.
func policyIn(kind, namespace, labels string) string {
	if kind == "NetworkPolicy" {
		return fmt.Sprintf("{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: open, namespace: %s, labels: {%s}}, spec: {podSelector: {}, ingress: [{}]}}", namespace, labels)
	}
	return fmt.Sprintf("{apiVersion: cilium.io/v2, kind: %s, metadata: {name: open, namespace: %s, labels: {%s}}, spec: {endpointSelector: {}, ingress: [{fromEntities: [all]}]}}", kind, namespace, labels)
}

func groupWith(labels string) string {
	return fmt.Sprintf("{apiVersion: cilium.io/v2, kind: CiliumCIDRGroup, metadata: {name: wide, labels: {%s}}, spec: {externalCIDRs: [0.0.0.0/0]}}", labels)
}

func deletesAll(namespace string) ask {
	return func(ctx context.Context, p *person) error {
		return p.DeleteAllOf(ctx, named("NetworkPolicy "+namespace+"/"), client.InNamespace(namespace), client.DryRunAll)
	}
}

func ownScenes() []scene {
	const own = "medfence-own-objects"
	const baseline, allow = "NetworkPolicy icu/medfence-baseline-icu", "CiliumNetworkPolicy icu/medfence-pump"
	const guard, group = "CiliumClusterwideNetworkPolicy medfence-guard-icu", "CiliumCIDRGroup medfence-icu-0d1e2f3a4b"
	const widen = `{"spec":{"ingress":[{}]}}`
	how := []string{"only Medfence's operator writes it", "Change the DeviceZone, MedicalDevice or Conduit", "spec.enforcement of the DeviceZone to Observe", "--as-group=medfence:breakglass"}
	ours := "app.kubernetes.io/managed-by: medfence"
	out := []scene{
		{"root deletes many", "root", deletesAll("icu"), refused, own, []string{"NetworkPolicy icu/medfence-baseline-icu"}},
		{"root takes our labels off", "root", patches(baseline, `{"metadata":{"labels":null,"annotations":null}}`), refused, own, how},
		{"root relabels", "root", patches(allow, `{"metadata":{"labels":{"app.kubernetes.io/managed-by":"helm","medfence.io/zone":null}}}`), refused, own, how},
		{"root puts a finalizer on", "root", patches(guard, `{"metadata":{"finalizers":["example.org/hold"]}}`), refused, own, how},
		{"a namespace admin marks a policy as ours", "nora", creates(policyIn("NetworkPolicy", "free", ours)), refused, own, []string{"nora may not mark NetworkPolicy free/open", "a Conduit"}},
		{"root marks one by zone", "root", creates(policyIn("CiliumNetworkPolicy", "free", "medfence.io/zone: icu")), refused, own, []string{"admin may not mark"}},
		{"a policy becomes ours", "nora", patches("NetworkPolicy free/theirs", `{"metadata":{"labels":{"medfence.io/zone":"icu"}}}`), refused, own, []string{"may not mark NetworkPolicy free/theirs"}},
		{"a policy gets our annotation", "nora", patches("NetworkPolicy free/theirs", `{"metadata":{"annotations":{"medfence.io/zone-uid":"x"}}}`), refused, own, []string{"may not mark"}},
		{"a group pretends to be ours", "nora", creates(groupWith("io.cilium.policy.cidrgroupname/medfence-icu-0d1e2f3a4b: \"\"")), refused, own, []string{"would take its addresses for a group of Medfence's"}},
		{"a group begins to pretend", "root", patches("CiliumCIDRGroup theirs", `{"metadata":{"labels":{"io.cilium.policy.cidrgroupname/medfence-x":"1"}}}`), refused, own, []string{"io.cilium.policy.cidrgroupname/medfence-"}},
		{"a group of somebody", "nora", creates(groupWith("team: net")), passes, "", nil},
		{"a group with another group's name", "nora", creates(groupWith("io.cilium.policy.cidrgroupname/theirs: \"\"")), passes, "", nil},
		{"a group of somebody goes", "nora", deletes("CiliumCIDRGroup theirs"), passes, "", nil},
		{"a policy of Helm's", "nora", creates(policyIn("NetworkPolicy", "free", "app.kubernetes.io/managed-by: Helm")), passes, "", nil},
		{"deletion of theirs", "nora", deletes("NetworkPolicy icu/theirs"), passes, "", nil},
		{"the operator writes what bears its labels", "operator", creates(policyIn("NetworkPolicy", "icu", ours)), passes, "", nil},
	}
	for _, what := range []string{baseline, allow, guard, group} {
		for _, who := range []string{"root", "ada", "nora"} {
			name := map[string]string{"root": "admin", "ada": "ada", "nora": "nora"}[who]
			out = append(out,
				scene{who + " deletes " + what, who, deletes(what), refused, own, append([]string{name + " may not change or delete " + what}, how...)},
				scene{who + " changes " + what, who, patches(what, widenOf(what, widen)), refused, own, append([]string{name + " may not change or delete " + what}, how...)})
		}
		for _, who := range []string{"breakglass", "admin-breakglass"} {
			out = append(out,
				scene{who + " deletes " + what, who, deletes(what), passes, "", nil},
				scene{who + " changes " + what, who, patches(what, widenOf(what, widen)), passes, "", nil})
		}
		out = append(out, scene{"the operator deletes " + what, "operator", deletes(what), passes, "", nil})
	}
	for _, who := range []string{"namespace-controller", "garbage-collector"} {
		for _, what := range []string{baseline, group} {
			out = append(out, scene{who + " deletes " + what, who, deletes(what), passes, "", nil})
		}
	}
	return out
}

// widenOf returns a patch that fits the kind.
func widenOf(what, widen string) string {
	if named(what).GetKind() == "CiliumCIDRGroup" {
		return `{"spec":{"externalCIDRs":["0.0.0.0/0"]}}`
	}
	if named(what).GetKind() != "NetworkPolicy" {
		return `{"spec":{"ingress":[{"fromEntities":["all"]}]}}`
	}
	return widen
}

func policyScenes() []scene {
	const closed, observed = "medfence-foreign-policies", "medfence-foreign-policies-observe"
	var out []scene
	for _, kind := range []string{"NetworkPolicy", "CiliumNetworkPolicy"} {
		for namespace, zone := range map[string]string{"icu": "icu", "silent": "silent", "leaving": "leaving", "born": "born", "stale": "stale"} {
			out = append(out, scene{
				kind + " in " + namespace, "nora", creates(policyIn(kind, namespace, "")), refused, closed,
				[]string{"nora writes " + kind + " " + namespace + "/open in a namespace of zone " + zone, "write a Conduit"},
			})
		}
		out = append(out,
			scene{kind + " by root", "root", creates(policyIn(kind, "icu", "")), refused, closed, []string{"admin writes"}},
			scene{kind + " in a watched zone", "nora", creates(policyIn(kind, "ward", "")), advised, observed, []string{"zone ward"}})
		for _, namespace := range []string{"free", "clinic", "refused", "cilium"} {
			out = append(out, scene{kind + " in " + namespace, "nora", creates(policyIn(kind, namespace, "")), passes, "", nil})
		}
		out = append(out,
			scene{kind + " of the operator", "operator", creates(policyIn(kind, "icu", "")), passes, "", nil},
			scene{kind + " in an emergency", "breakglass", creates(policyIn(kind, "icu", "")), passes, "", nil})
	}
	return append(out,
		scene{"a policy is widened", "nora", patches("NetworkPolicy icu/theirs", `{"spec":{"ingress":[{}]}}`), refused, closed, []string{"icu/theirs"}},
		scene{"a policy is labelled", "nora", patches("NetworkPolicy icu/theirs", `{"metadata":{"labels":{"team":"wards"}}}`), passes, "", nil},
		scene{"specs of a Cilium policy", "nora", creates("{apiVersion: cilium.io/v2, kind: CiliumNetworkPolicy, metadata: {name: many, namespace: icu}, specs: [{endpointSelector: {}, ingress: [{}]}]}"), refused, closed, nil},
	)
}

func clusterwide(spec string) ask {
	return creates("{apiVersion: cilium.io/v2, kind: CiliumClusterwideNetworkPolicy, metadata: {name: wide}, " + spec + "}")
}

func clusterwideScenes() []scene {
	const closed, observed = "medfence-foreign-policies-clusterwide", "medfence-foreign-policies-clusterwide-observe"
	const key = "io.kubernetes.pod.namespace"
	selector := func(text string) string {
		return "spec: {endpointSelector: {" + text + "}, ingress: [{fromEntities: [all]}]}"
	}
	except := "[born, icu, leaving, silent, stale, ward, elsewhere, theatre, refused]"
	out := []scene{
		{"everybody's namespace", "nora", clusterwide(selector("")), refused, closed, []string{"nora writes CiliumClusterwideNetworkPolicy wide, which may select pods of zone"}},
		{"root too", "root", clusterwide(selector("")), refused, closed, []string{"admin writes"}},
		{"by labels of pods", "nora", clusterwide(selector("matchLabels: {app: pump}")), refused, closed, []string{"which may select"}},
		{"by labels of namespaces", "nora", clusterwide(selector("matchLabels: {k8s:io.cilium.k8s.namespace.labels.team: wards}")), refused, closed, nil},
		{"a zone's namespace by In", "nora", clusterwide(selector("matchExpressions: [{key: k8s:" + key + ", operator: In, values: [free, icu]}]")), refused, closed, []string{"zone icu", "operator: NotIn, values: [icu]"}},
		{"all but others' namespaces", "nora", clusterwide(selector("matchExpressions: [{key: k8s:" + key + ", operator: NotIn, values: [free]}]")), refused, closed, nil},
		{"one of many specs", "nora", clusterwide("specs: [{endpointSelector: {matchLabels: {" + key + ": free}}, ingress: [{}]}, {endpointSelector: {matchLabels: {" + key + ": leaving}}, ingress: [{}]}]"), refused, closed, []string{"zone leaving"}},
		{"another namespace", "nora", clusterwide(selector("matchLabels: {k8s:" + key + ": free}")), passes, "", nil},
		{"another namespace, any source", "nora", clusterwide(selector("matchLabels: {any:" + key + ": free}")), passes, "", nil},
		{"another namespace by In", "nora", clusterwide(selector("matchExpressions: [{key: " + key + ", operator: In, values: [free, clinic, refused]}]")), passes, "", nil},
		{"all namespaces but the zones'", "nora", clusterwide(selector("matchExpressions: [{key: k8s:" + key + ", operator: NotIn, values: " + except + "}]")), passes, "", nil},
		{"a host policy", "nora", clusterwide("spec: {nodeSelector: {}, ingress: [{fromEntities: [all]}]}"), passes, "", nil},
		{"a watched zone's namespace", "nora", clusterwide(selector("matchLabels: {k8s:" + key + ": ward}")), advised, observed, []string{"zone ward"}},
		{"in an emergency", "breakglass", clusterwide(selector("")), passes, "", nil},
		{"by the operator", "operator", clusterwide(selector("")), passes, "", nil},
	}
	for _, value := range []string{"icu", "silent", "born"} {
		for _, source := range []string{"k8s:", "", "any:"} {
			out = append(out, scene{value + " by " + source + key, "nora", clusterwide(selector("matchLabels: {" + source + key + ": " + value + "}")), refused, closed, []string{"zone " + value}})
		}
	}
	return out
}
