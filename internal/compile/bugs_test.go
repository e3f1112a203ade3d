package compile_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/medfence/medfence/internal/compile"
)

func TestAZoneThatGoesOpensNothing(t *testing.T) {
	s := ward(t, `
zone a {role: Device, enforcement: Enforce, members: {namespaces: [a]}} | was same
device a/x {zone: a, workload: {podSelector: {matchLabels: {app: x}}}} | was same
conduit a-b {from: {zones: [a, b]}, to: {zones: [a]}, services: [{name: https}]} | was same
`)
	if got := flows(compile.Compile(s).Plan); len(got) > 0 {
		t.Errorf("the deletion of zone b opened %v", got)
	}
}

func TestChainsOfNewcomers(t *testing.T) {
	s := ward(t, `
zone a {role: Device, enforcement: Enforce, members: {namespaces: [n1]}} | was same
zone b {role: Device, enforcement: Enforce, members: {namespaces: [n1, n2]}} | age 9
zone c {role: Device, enforcement: Enforce, members: {namespaces: [n2]}} | age 1
`)
	if diff := cmp.Diff([]string{"zone a Current", "zone b Absent", "zone c Current"}, stands(compile.Compile(s).Plan)); diff != "" {
		t.Error(diff)
	}
}

// TestARecordThatCannotBeIsNoPolicy: one name that the API server refuses would
// keep a whole zone's policies from being written.
func TestARecordThatCannotBeIsNoPolicy(t *testing.T) {
	s := ward(t, `
zone a {role: Device, enforcement: Enforce, members: {namespaces: [a], cidrs: [bad]}} | was {role: Device, enforcement: Enforce, members: {namespaces: [a, "A B"], fqdns: ["*"]}} | closed a A_B
zone p {role: Clinical, members: {namespaces: [p], cidrs: [bad]}} | was {role: Clinical, members: {namespaces: [p], podSelector: {matchLabels: {app: "no such value"}}}}
pod "A B"/x {app: x}
pod A_B/x {app: x}
`)
	r := compile.Compile(s)
	if diff := cmp.Diff([]string{"zone a Last", "zone p Last"}, stands(r.Plan)); diff != "" {
		t.Error(diff)
	}
	for _, z := range r.Plan.Zones {
		for _, n := range z.Namespaces {
			if z.Name != "a" || n.Name != "a" {
				t.Errorf("zone %s holds namespace %q", z.Name, n.Name)
			}
		}
		if len(z.FQDNs) > 0 {
			t.Errorf("zone %s holds the names %q", z.Name, z.FQDNs)
		}
	}
}
