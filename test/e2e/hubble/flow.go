package hubble

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"time"

	"github.com/medfence/medfence/internal/flow"
)

// The verdicts that matter here.
const (
	Forwarded = "FORWARDED"
	Dropped   = "DROPPED"
)

// A Flow is what Hubble saw of one packet.
type Flow struct {
	Time    time.Time
	Node    string
	Verdict string
	// Reason is that of a drop: POLICY_DENIED (nothing allows it), POLICY_DENY (a
	// deny rule).
	Reason string
	// Ingress is true for the side of the destination.
	Ingress bool
	Key     Key
	// Rules are the policies that allowed or denied it, where Hubble knows.
	Rules []Rule
}

// A Key is the packet's addresses and ports. ICMP has none.
type Key struct {
	Protocol            flow.Protocol
	Source, Destination netip.Addr
	SourcePort, Port    uint16
}

// A Rule is a policy object.
type Rule struct {
	Kind, Namespace, Name string
	Denies                bool
}

// ByPolicy reports whether a policy, and nothing else, dropped the packet.
func (f Flow) ByPolicy() bool {
	return f.Verdict == Dropped && (f.Reason == "POLICY_DENIED" || f.Reason == "POLICY_DENY")
}

// exported is a line of the file, as far as it is read here
// (github.com/cilium/cilium/api/v1/flow).
type exported struct {
	Flow *struct {
		Time           time.Time `json:"time"`
		Verdict        string    `json:"verdict"`
		DropReasonDesc string    `json:"drop_reason_desc"`
		Direction      string    `json:"traffic_direction"`
		IP             struct {
			Source      netip.Addr `json:"source"`
			Destination netip.Addr `json:"destination"`
		} `json:"IP"`
		L4 struct {
			TCP, UDP *struct {
				SourcePort      uint16 `json:"source_port"`
				DestinationPort uint16 `json:"destination_port"`
			}
			ICMPv4, ICMPv6 *struct{ Type int }
		} `json:"l4"`
		EgressAllowedBy  []rule `json:"egress_allowed_by"`
		IngressAllowedBy []rule `json:"ingress_allowed_by"`
		EgressDeniedBy   []rule `json:"egress_denied_by"`
		IngressDeniedBy  []rule `json:"ingress_denied_by"`
	} `json:"flow"`
	Node string `json:"node_name"`
}

type rule struct{ Kind, Namespace, Name string }

// Parse reads a line. It is not ok for one that is not about a packet of a
// protocol that is known here.
func Parse(line []byte) (f Flow, ok bool, err error) {
	var e exported
	if err := json.Unmarshal(line, &e); err != nil {
		return f, false, fmt.Errorf("reading a flow of Hubble's: %w", err)
	}
	if e.Flow == nil {
		return f, false, nil
	}
	x := e.Flow
	f = Flow{
		Time: x.Time, Node: e.Node, Verdict: x.Verdict, Reason: x.DropReasonDesc, Ingress: x.Direction == "INGRESS",
		Key: Key{Source: x.IP.Source, Destination: x.IP.Destination},
	}
	switch l4 := x.L4; {
	case l4.TCP != nil:
		f.Key.Protocol, f.Key.SourcePort, f.Key.Port = flow.TCP, l4.TCP.SourcePort, l4.TCP.DestinationPort
	case l4.UDP != nil:
		f.Key.Protocol, f.Key.SourcePort, f.Key.Port = flow.UDP, l4.UDP.SourcePort, l4.UDP.DestinationPort
	case l4.ICMPv4 != nil || l4.ICMPv6 != nil:
		f.Key.Protocol = flow.ICMP
	default:
		return f, false, nil
	}
	for _, list := range [][]rule{x.EgressAllowedBy, x.IngressAllowedBy} {
		for _, r := range list {
			f.Rules = append(f.Rules, Rule{Kind: r.Kind, Namespace: r.Namespace, Name: r.Name})
		}
	}
	for _, list := range [][]rule{x.EgressDeniedBy, x.IngressDeniedBy} {
		for _, r := range list {
			f.Rules = append(f.Rules, Rule{Kind: r.Kind, Namespace: r.Namespace, Name: r.Name, Denies: true})
		}
	}
	return f, true, nil
}
