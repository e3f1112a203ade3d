package render_test

import (
	"slices"
	"strings"
	"testing"
)

// checkDenials looks at the rules of a guard or moat as they are sent. A rule
// that lost its peers denies everyone, kubelet probes too; a selector that lost
// its positive part selects Cilium's health endpoint and nodes.
func checkDenials(t *testing.T, where string, fields map[string]any) {
	t.Helper()
	specs, _ := fields["specs"].([]any)
	if len(specs) == 0 || fields["spec"] != nil {
		t.Errorf("%s has %d specs", where, len(specs))
	}
	for _, item := range specs {
		spec, _ := item.(map[string]any)
		deny, _ := spec["enableDefaultDeny"].(map[string]any)
		if deny["ingress"] != false || deny["egress"] != false {
			t.Errorf("%s switches default deny on", where)
		}
		checkPositive(t, where, spec["endpointSelector"], "k8s:io.kubernetes.pod.namespace")
		for _, field := range []string{"ingress", "egress"} {
			if spec[field] != nil {
				t.Errorf("%s permits something", where)
			}
			rules, _ := spec[field+"Deny"].([]any)
			for _, item := range rules {
				rule, _ := item.(map[string]any)
				checkDenial(t, where+" "+field, rule)
			}
		}
	}
}

func checkDenial(t *testing.T, where string, rule map[string]any) {
	t.Helper()
	kinds := 0
	for _, field := range peerFields {
		if list, ok := rule[field].([]any); ok && len(list) > 0 {
			kinds++
		}
	}
	if kinds != 1 {
		t.Errorf("%s: a rule has %d kinds of peers: %v", where, kinds, rule)
	}
	for _, side := range []string{"from", "to"} {
		entities, _ := rule[side+"Entities"].([]any)
		for _, banned := range []any{"all", "cluster", "host"} {
			if slices.Contains(entities, banned) && (side == "from" || banned != "host") {
				t.Errorf("%s: a rule denies %v", where, banned)
			}
		}
		endpoints, _ := rule[side+"Endpoints"].([]any)
		for _, selector := range endpoints {
			checkPositive(t, where, selector, "k8s:io.cilium.k8s.policy.cluster", "k8s:io.kubernetes.pod.namespace", "reserved:remote-node", "reserved:host")
		}
	}
	toPorts, _ := rule["toPorts"].([]any)
	icmps, _ := rule["icmps"].([]any)
	if len(toPorts) > 0 && len(icmps) > 0 {
		t.Errorf("%s: a rule has ports and ICMP types", where)
	}
	for _, item := range slices.Concat(toPorts, icmps) {
		part, _ := item.(map[string]any)
		ports, _ := part["ports"].([]any)
		types, _ := part["fields"].([]any)
		if n := len(ports) + len(types); n == 0 || n > 40 {
			t.Errorf("%s: a rule has %d ports", where, n)
		}
		for _, p := range ports {
			port, _ := p.(map[string]any)
			if port["protocol"] == "ANY" || port["protocol"] == nil {
				t.Errorf("%s: a rule takes port 0 of any protocol for all: ICMP stays open", where)
			}
		}
	}
}

// checkPositive fails on a selector that does not require one of the labels to
// be there.
func checkPositive(t *testing.T, where string, selector any, keys ...string) {
	t.Helper()
	s, _ := selector.(map[string]any)
	expressions, _ := s["matchExpressions"].([]any)
	positive := false
	for _, item := range expressions {
		e, _ := item.(map[string]any)
		key, _ := e["key"].(string)
		values, _ := e["values"].([]any)
		op, _ := e["operator"].(string)
		if strings.HasSuffix(op, "In") != (len(values) > 0) {
			t.Errorf("%s: %s %s has %d values", where, key, op, len(values))
		}
		otherCluster := key == "k8s:io.cilium.k8s.policy.cluster" && op == "NotIn" && len(expressions) == 1
		positive = positive || otherCluster || slices.Contains(keys, key) && (op == "In" || op == "Exists")
	}
	if !positive {
		t.Errorf("%s: a selector has no positive part: %v", where, s)
	}
}
