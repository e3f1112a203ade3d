package truth

import (
	"fmt"
	"net/netip"

	"github.com/medfence/medfence/internal/flow"
	"github.com/medfence/medfence/test/e2e/ward"
)

// A Question is a flow between two parties, in an address family.
type Question struct {
	From, To    *ward.Party
	Source      netip.Addr
	Destination netip.Addr
	Service     ward.Service
}

// String returns "laptop to pump-gw-a, TCP 445, IPv4".
func (q Question) String() string {
	family := "IPv6"
	if q.Destination.Is4() {
		family = "IPv4"
	}
	if q.Service.Protocol == flow.ICMP {
		return fmt.Sprintf("%s to %s, ping, %s", q.From.Name, q.To.Name, family)
	}
	return fmt.Sprintf("%s to %s, %s %d, %s", q.From.Name, q.To.Name, q.Service.Protocol, q.Service.Port, family)
}

// Flow is the question as a policy sees it.
func (q Question) Flow() flow.Flow {
	f := flow.Flow{Source: q.Source, Destination: q.Destination, Protocol: q.Service.Protocol, Port: q.Service.Port}
	if q.Service.Protocol == flow.ICMP {
		f.ICMPType = 8
		if q.Destination.Is6() {
			f.ICMPType = 128
		}
	}
	return f
}

// Questions returns every service between every ordered pair of which an agent
// sees the packets: one end is a pod. Both families are asked where both ends
// have them.
func Questions(parties []ward.Party, services []ward.Service) []Question {
	var out []Question
	for i := range parties {
		for j := range parties {
			from, to := &parties[i], &parties[j]
			if i == j || from.Kind != ward.Pod && to.Kind != ward.Pod {
				continue
			}
			for _, is4 := range []bool{true, false} {
				source, destination := of(from, is4), of(to, is4)
				if !source.IsValid() || !destination.IsValid() {
					continue
				}
				for _, s := range services {
					out = append(out, Question{From: from, To: to, Source: source, Destination: destination, Service: s})
				}
			}
		}
	}
	return out
}

// four is any IPv4 address.
var four = netip.AddrFrom4([4]byte{})

// of returns a party's address of a family.
func of(p *ward.Party, is4 bool) netip.Addr {
	for _, a := range p.Addresses {
		if a.Is4() == is4 {
			return a
		}
	}
	return netip.Addr{}
}
