package netpol

import (
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
)

// The index leaves out what has no peers; this is the second lock of the door.
func TestARuleThatLacksPeersOrPortsIsOpen(t *testing.T) {
	peers, ports := make([]networkingv1.NetworkPolicyPeer, 1), make([]networkingv1.NetworkPolicyPort, 1)
	if open(peers, ports) {
		t.Error("a rule with both is taken for an open one")
	}
	if !open(nil, ports) || !open([]networkingv1.NetworkPolicyPeer{}, ports) || !open(peers, nil) {
		t.Error("a rule that permits everyone passes for a closed one")
	}
}
