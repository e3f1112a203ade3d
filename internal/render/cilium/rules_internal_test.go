package cilium

import (
	"testing"

	"github.com/cilium/cilium/pkg/policy/api"

	"github.com/medfence/medfence/internal/flow"
	"github.com/medfence/medfence/internal/render/object"
)

// The index leaves out what has no peers; this is the second lock of the door.
func TestARuleThatLacksPeersOrPortsIsNeverRendered(t *testing.T) {
	everybody := rule{}
	host := rule{entities: api.EntitySlice{api.EntityHost}}
	ports := object.Access{Ports: []object.Port{{Protocol: flow.TCP, Range: flow.PortRange{Port: 1, End: 1}}}}
	for name, tc := range map[string]struct {
		peers  rule
		access object.Access
		want   int
	}{
		"peers and ports":      {host, ports, 1},
		"peers and ICMP types": {host, object.Access{ICMPTypes: []uint8{8}}, 1},
		"no peers":             {everybody, ports, 0},
		"empty lists of peers": {rule{endpoints: []api.EndpointSelector{}, groups: api.CIDRRuleSlice{}}, ports, 0},
		"no ports":             {host, object.Access{}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			if got := tc.peers.with(tc.access); len(got) != tc.want {
				t.Errorf("got %+v", got)
			}
		})
	}
	if got := everybody.resolving(object.DNS{}, object.NodeLocalPorts); len(got) > 0 {
		t.Errorf("DNS at everybody's: %+v", got)
	}
}
