package oracle

import (
	"github.com/cilium/cilium/pkg/endpoint/regeneration"
	"github.com/cilium/cilium/pkg/identity"
	"github.com/cilium/cilium/pkg/policy"
	ciliumtypes "github.com/cilium/cilium/pkg/types"
	"github.com/cilium/cilium/pkg/u8proto"
)

// An owner stands for the agent's endpoint object, which a policy belongs to.
type owner struct {
	nid   identity.NumericIdentity
	ports ciliumtypes.NamedPortMap
}

func (j *CiliumJudge) ownerOf(nid identity.NumericIdentity) owner {
	for _, p := range j.pods.pods {
		if p.identity.ID == nid {
			return owner{nid: nid, ports: p.ports}
		}
	}
	return owner{nid: nid}
}

// GetID returns a number that is unique among owners.
func (o owner) GetID() uint64 { return uint64(o.nid) }

// GetIngressNamedPort resolves a named port of the endpoint itself.
func (o owner) GetIngressNamedPort(name string, proto u8proto.U8proto) uint16 {
	port, err := o.ports.GetNamedPort(name, proto)
	if err != nil {
		return 0
	}
	return port
}

// PolicyDebug drops a debug message.
func (o owner) PolicyDebug(string, ...any) {}

// IsHost is false: the host firewall is off in a stock install.
func (o owner) IsHost() bool { return false }

// PreviousMapState returns nil: every policy is computed anew.
func (o owner) PreviousMapState() *policy.MapState { return nil }

// RegenerateIfAlive reports that there is nothing to regenerate.
func (o owner) RegenerateIfAlive(*regeneration.ExternalRegenerationMetadata) <-chan bool {
	done := make(chan bool)
	close(done)
	return done
}
