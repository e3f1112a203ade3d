package laws

import (
	"fmt"
	"net/netip"

	"github.com/medfence/medfence/test/oracle"
	"github.com/medfence/medfence/test/scenarios"
)

func address(e scenarios.Endpoint) oracle.Endpoint {
	return oracle.Endpoint{Kind: oracle.Address, IPs: []netip.Addr{e.Address}}
}

// podParty gives each side of a row a pod of its own, so that a device can be
// asked about another of its kind.
func podParty(e scenarios.Endpoint, side string, i int) oracle.Endpoint {
	last := byte(10 + i)
	if side == "to" {
		last += 100
	}
	return oracle.Endpoint{
		Kind: oracle.Pod, Namespace: e.Namespace, Name: fmt.Sprintf("%s-%d", side, i), Labels: e.Labels,
		IPs: podAddresses(200, last),
	}
}
