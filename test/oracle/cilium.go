package oracle

import (
	"fmt"
	"log/slog"
	"maps"
	"math"
	"net/netip"

	"github.com/cilium/cilium/pkg/crypto/certificatemanager"
	envoypolicy "github.com/cilium/cilium/pkg/envoy/policy"
	"github.com/cilium/cilium/pkg/identity"
	"github.com/cilium/cilium/pkg/identity/identitymanager"
	"github.com/cilium/cilium/pkg/policy"
	"github.com/cilium/cilium/pkg/u8proto"

	"github.com/medfence/medfence/internal/flow"
)

// A CiliumJudge is the policy engine of a Cilium agent that has read a World.
// It computes the policy of an identity when it is first asked of it, and is
// not safe for concurrent use; two judges are independent of each other.
type CiliumJudge struct {
	logger    *slog.Logger
	repo      *policy.Repository
	pods      *podBook
	addresses *addressBook
	known     identity.IdentityMap
	policies  map[identity.NumericIdentity]*policy.EndpointPolicy
}

// Cilium returns the judge of a World. A policy that the agent would refuse is
// an error.
func Cilium(w World) (*CiliumJudge, error) {
	if err := stock(); err != nil {
		return nil, fmt.Errorf("configuring cilium: %w", err)
	}
	j := &CiliumJudge{
		logger:   slog.New(slog.DiscardHandler),
		pods:     newPodBook(),
		policies: map[identity.NumericIdentity]*policy.EndpointPolicy{},
	}
	s, err := newSources(w.Policies, j.logger)
	if err != nil {
		return nil, err
	}
	for _, e := range w.Endpoints {
		if e.Kind != Pod {
			continue
		}
		if err := j.pods.add(e, j.logger); err != nil {
			return nil, err
		}
	}
	if j.addresses, err = newAddressBook(w, s, j.logger); err != nil {
		return nil, err
	}
	j.load(s)
	return j, nil
}

// load starts the repository with every identity in place.
func (j *CiliumJudge) load(s *sources) {
	j.known = maps.Clone(j.addresses.identities.added)
	maps.Copy(j.known, j.pods.identities())
	j.repo = policy.NewPolicyRepository(j.logger, j.known, nil,
		envoypolicy.NewEnvoyL7RulesTranslator(j.logger, certificatemanager.NewMockSecretManagerNotFound()),
		identitymanager.NewIDManager(j.logger), nil)
	j.repo.UpdateIdentities(j.known, nil)
	j.repo.SetNamedPortsGetter(j.pods)
	for id, entries := range s.entries {
		j.repo.ReplaceByResource(entries, id)
	}
}

// Allowed reports whether the flow passes: the egress policy of from and the
// ingress policy of to, where they are pods of this cluster. L7 rules are
// judged by their ports: what a proxy looks into, passes.
func (j *CiliumJudge) Allowed(from, to Endpoint, f flow.Flow) (bool, error) {
	if ok, err := j.Sends(from, to, f); err != nil || !ok {
		return false, err
	}
	return j.Receives(from, to, f)
}

// Sends is the half of Allowed that the egress policy of from decides.
func (j *CiliumJudge) Sends(from, to Endpoint, f flow.Flow) (bool, error) {
	p, err := j.packet(from, to, f)
	if err != nil || !from.restricted() {
		return err == nil, err
	}
	return j.passes(p.source, policy.EgressKey().WithIdentity(p.destination).WithPortProto(p.proto, p.port))
}

// Receives is the half of Allowed that the ingress policy of to decides.
func (j *CiliumJudge) Receives(from, to Endpoint, f flow.Flow) (bool, error) {
	p, err := j.packet(from, to, f)
	if err != nil || !to.restricted() {
		return err == nil, err
	}
	return j.passes(p.destination, policy.IngressKey().WithIdentity(p.source).WithPortProto(p.proto, p.port))
}

// A packet is a flow as the datapath sees it.
type packet struct {
	source, destination identity.NumericIdentity
	proto               u8proto.U8proto
	port                uint16
}

func (j *CiliumJudge) packet(from, to Endpoint, f flow.Flow) (p packet, err error) {
	is4 := isIPv4(from, to, f)
	if p.proto, p.port, err = datapathPort(f, is4); err != nil {
		return p, err
	}
	if p.source, err = j.identityOf(from, from.address(f.Source, is4)); err != nil {
		return p, err
	}
	p.destination, err = j.identityOf(to, to.address(f.Destination, is4))
	return p, err
}

// Entries returns how many entries the policy map of an endpoint has.
func (j *CiliumJudge) Entries(e Endpoint) (int, error) {
	nid, err := j.identityOf(e, e.address(e.IPs[0], true))
	if err != nil {
		return 0, err
	}
	p, err := j.policyOf(nid)
	if err != nil {
		return 0, err
	}
	return p.Len(), nil
}

// passes looks a key up in the policy map of an endpoint.
func (j *CiliumJudge) passes(subject identity.NumericIdentity, key policy.Key) (bool, error) {
	p, err := j.policyOf(subject)
	if err != nil {
		return false, err
	}
	entry, _, _ := p.Lookup(key)
	return !entry.IsDeny(), nil
}

// policyOf returns the endpoint policy of an identity.
func (j *CiliumJudge) policyOf(nid identity.NumericIdentity) (*policy.EndpointPolicy, error) {
	if p, computed := j.policies[nid]; computed {
		return p, nil
	}
	subject := identity.NewIdentityFromLabelArray(nid, j.known[nid])
	selected, _, err := j.repo.ComputeSelectorPolicy(subject)
	if err != nil {
		return nil, fmt.Errorf("computing the policy of %v: %w", subject.LabelArray, err)
	}
	// Every proxy that a rule wants is there.
	redirects := map[string]uint16{policy.FallbackRedirectID: math.MaxUint16}
	p := selected.DistillPolicy(j.logger, j.ownerOf(nid), redirects)
	if err := p.Ready(); err != nil {
		return nil, fmt.Errorf("distilling the policy of %v: %w", subject.LabelArray, err)
	}
	p.Detach(j.logger)
	selected.Supersede()
	j.policies[nid] = p
	return p, nil
}

// identityOf returns the identity of an endpoint, which takes part in the flow
// at the address.
func (j *CiliumJudge) identityOf(e Endpoint, ip netip.Addr) (identity.NumericIdentity, error) {
	reserved := map[Kind]identity.NumericIdentity{
		Health:    identity.ReservedIdentityHealth,
		Ingress:   identity.ReservedIdentityIngress,
		Init:      identity.ReservedIdentityInit,
		Unmanaged: identity.ReservedIdentityUnmanaged,
	}
	if nid, ok := reserved[e.Kind]; ok {
		return nid, nil
	}
	if e.Kind == Pod {
		p, known := j.pods.pods[e.String()]
		if !known {
			return 0, fmt.Errorf("the world has no pod %s", e)
		}
		return p.identity.ID, nil
	}
	if !ip.IsValid() {
		return 0, fmt.Errorf("a %s needs an address of the flow's family", e.Kind)
	}
	return j.addresses.lookup(ip), nil
}

// datapathPort returns protocol and port as the datapath keys them: an ICMP
// type takes the place of the port. The engine cannot be asked for port 0, its
// wildcard; a type 0 is asked for by a number that no type has and that only
// wildcards cover, which is what the datapath's own lookup of 0 finds.
func datapathPort(f flow.Flow, is4 bool) (u8proto.U8proto, uint16, error) {
	switch f.Protocol {
	case flow.ICMP:
		proto := u8proto.ICMPv6
		if is4 {
			proto = u8proto.ICMP
		}
		if f.ICMPType == 0 {
			return proto, math.MaxUint16, nil
		}
		return proto, uint16(f.ICMPType), nil
	case flow.TCP, flow.UDP, flow.SCTP:
		if f.Port == 0 {
			return 0, 0, fmt.Errorf("the flow has no port")
		}
		proto, err := u8proto.ParseProtocol(string(f.Protocol))
		return proto, f.Port, err
	}
	return 0, 0, fmt.Errorf("unknown protocol %q", f.Protocol)
}
