package oracle

import (
	"fmt"
	"strings"
	"testing"
)

// entries returns how many entries the policy map of an endpoint has.
func entries(t *testing.T, w World, e Endpoint) int {
	t.Helper()
	j, err := Cilium(w)
	if err != nil {
		t.Fatal(err)
	}
	n, err := j.Entries(e)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestWhatPolicyMapEntriesCost(t *testing.T) {
	crowd := func(w World) World {
		for i := range 2000 {
			w.Endpoints = append(w.Endpoints, podEndpoint(fmt.Sprintf("crowd/p%d number=n%d", i, i), 200+i))
		}
		return w
	}
	var thousand []string
	for i := range 1000 {
		thousand = append(thousand, fmt.Sprintf("10.%d.%d.0/25", 100+i/250, i%250))
	}
	inline := `toCIDR: ["` + strings.Join(thousand, `", "`) + `"]`
	inGuests := "kind: CiliumNetworkPolicy\nmetadata: {name: theirs, namespace: guests}\n" +
		"spec: {endpointSelector: {}, egress: [{toCIDR: [10.100.3.0/25]}]}"
	guarded := []string{baseline, conduits, guard}
	complement := egressPolicy("coarse", "egressDeny", `{toEndpoints: [{matchLabels: {"k8s:io.kubernetes.pod.namespace": crowd}}], `+
		`toPorts: [{ports: [{port: "1", endPort: 103, protocol: TCP}, {port: "105", endPort: 65535, protocol: TCP}]}]}`)
	grouped := egressPolicy("wide", "egress", "toCIDRSet: [{cidrGroupRef: wide}]")
	cases := map[string]struct {
		world    World
		min, max int
	}{
		"the allows of a zone, however large the crowd":         {crowd(hospitalWorld(t, guarded[:2]...)), 5, 20},
		"a guard, one entry per identity and direction":         {crowd(hospitalWorld(t, guarded...)), 4000, 4500},
		"a port complement, some twenty entries per identity":   {crowd(hospitalWorld(t, complement)), 40000, 44000},
		"1,000 inline prefixes, one entry each":                 {hospitalWorld(t, egressPolicy("wide", "egress", inline)), 1000, 1010},
		"a group of 1,000 prefixes, which share an identity":    {hospitalWorld(t, grouped, group("wide", thousand...)), 5, 10},
		"a group and an inline rule that splits it by a prefix": {hospitalWorld(t, grouped, group("wide", thousand...), inGuests), 5, 10},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := entries(t, tc.world, hospital()["gateway"]); got < tc.min || got > tc.max {
				t.Errorf("%d entries, want %d to %d", got, tc.min, tc.max)
			}
		})
	}
}
