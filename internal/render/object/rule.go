package object

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/flow"
	"github.com/medfence/medfence/internal/plan"
)

// Peers are the parties on the other side of a rule, sorted. They are never all
// empty.
type Peers struct {
	Workloads []plan.WorkloadKey
	Groups    []string
	FQDNs     []string
	Entities  []medfencev1alpha1.Entity
}

// A Port is a range of ports of one protocol.
type Port struct {
	Protocol flow.Protocol
	Range    flow.PortRange
}

// An Access is what passes between the peers: ports, or ports narrowed to HTTP
// requests, or ICMP types. It is never empty.
type Access struct {
	Ports     []Port
	HTTP      []flow.HTTPRule
	ICMPTypes []uint8
}

// A Rule is one rule of a policy, before a target gives it its form.
type Rule struct {
	Peers
	Access
}

// Rules returns the rules of one direction, merged: no two have equal peers, or
// equal accesses and peers of equal kinds. They are in a stable order.
func Rules(links []Link, d Direction) []Rule {
	var rules []Rule
	for _, l := range links {
		if l.Direction != d {
			continue
		}
		for _, access := range accessesOf(l.Services) {
			rules = append(rules, Rule{Peers: l.peers, Access: access})
		}
	}
	return merge(rules)
}

// Apart splits each rule into rules whose peers are of one kind: pods, groups,
// names or entities.
func Apart(rules []Rule) []Rule {
	var out []Rule
	for _, r := range rules {
		for _, p := range r.kinds() {
			out = append(out, Rule{Peers: p, Access: r.Access})
		}
	}
	return merge(out)
}

// kinds returns the peers kind by kind.
func (p Peers) kinds() []Peers {
	all := []Peers{{Workloads: p.Workloads}, {Groups: p.Groups}, {FQDNs: p.FQDNs}, {Entities: p.Entities}}
	return slices.DeleteFunc(all, Peers.empty)
}

func (p Peers) empty() bool {
	return len(p.Workloads)+len(p.Groups)+len(p.FQDNs)+len(p.Entities) == 0
}

// shape tells which kinds of peers there are, in the order of the rules.
func (p Peers) shape() string {
	return fmt.Sprint(len(p.Workloads) == 0, len(p.Groups) == 0, len(p.FQDNs) == 0, len(p.Entities) == 0)
}

// key is equal for equal peers; no name holds a control character.
func (p Peers) key() string {
	var b strings.Builder
	for _, w := range p.Workloads {
		for _, part := range [...]string{w.Zone, w.Namespace, w.Selector} {
			b.WriteString(part)
			b.WriteByte(1)
		}
	}
	write := func(names []string) {
		b.WriteByte(0)
		for _, name := range names {
			b.WriteString(name)
			b.WriteByte(1)
		}
	}
	write(p.Groups)
	write(p.FQDNs)
	for _, e := range p.Entities {
		write([]string{string(e)})
	}
	return b.String()
}

func (p Peers) union(q Peers) Peers {
	return Peers{
		Workloads: set(p.Workloads, q.Workloads, compareKeys),
		Groups:    set(p.Groups, q.Groups, cmp.Compare),
		FQDNs:     set(p.FQDNs, q.FQDNs, cmp.Compare),
		Entities:  set(p.Entities, q.Entities, cmp.Compare),
	}
}

// class tells which accesses can be joined into one for the same peers.
func (a Access) class() string { return fmt.Sprintf("%t %q", len(a.ICMPTypes) > 0, a.HTTP) }

func (a Access) key() string { return fmt.Sprintf("%s %v %v", a.class(), a.Ports, a.ICMPTypes) }

// union joins two accesses of one class.
func (a Access) union(b Access) Access {
	return Access{
		Ports:     joinPorts(slices.Concat(a.Ports, b.Ports)),
		HTTP:      a.HTTP,
		ICMPTypes: set(a.ICMPTypes, b.ICMPTypes, cmp.Compare),
	}
}

// joinPorts returns the exact union of the ports, by protocol and port.
func joinPorts(ports []Port) []Port {
	var out []Port
	for _, protocol := range []flow.Protocol{flow.TCP, flow.UDP, flow.SCTP} {
		var ranges []flow.PortRange
		for _, p := range ports {
			if p.Protocol == protocol {
				ranges = append(ranges, p.Range)
			}
		}
		for _, r := range flow.NewPortSet(ranges...) {
			out = append(out, Port{Protocol: protocol, Range: r})
		}
	}
	return out
}

// set returns the sorted union of two lists as a new list; nil if it is empty.
func set[T any](a, b []T, compare func(T, T) int) []T {
	all := slices.Concat(a, b)
	slices.SortFunc(all, compare)
	return slices.CompactFunc(all, func(x, y T) bool { return compare(x, y) == 0 })
}

func compareKeys(a, b plan.WorkloadKey) int {
	return cmp.Or(
		cmp.Compare(a.Namespace, b.Namespace),
		cmp.Compare(a.Selector, b.Selector),
		cmp.Compare(a.Zone, b.Zone),
	)
}

func peersOf(ends []plan.End) Peers {
	var p Peers
	for _, e := range ends {
		p = p.union(Peers{Workloads: e.Workloads, Groups: e.Groups, FQDNs: e.FQDNs, Entities: e.Entities})
	}
	return p
}

// accessesOf returns the services as accesses: one for plain ports, one for
// ICMP, and one for each list of HTTP rules.
func accessesOf(services []flow.Service) []Access {
	var out []Access
	for _, s := range services {
		a := Access{HTTP: set(s.HTTP, nil, compareHTTP), ICMPTypes: set(s.ICMPTypes, nil, cmp.Compare)}
		for _, r := range s.Ports {
			a.Ports = append(a.Ports, Port{Protocol: s.Protocol, Range: r})
		}
		out = append(out, a)
	}
	return out
}

func compareHTTP(a, b flow.HTTPRule) int {
	return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Method, b.Method))
}

// merge joins rules that differ in one part only, until none do, and orders
// them: what is permitted stays exactly the same.
func merge(rules []Rule) []Rule {
	if len(rules) < 2 {
		return rules
	}
	for n := -1; n != len(rules); {
		n = len(rules)
		rules = joinBy(rules, func(r Rule) string { return r.Peers.key() + r.class() }, func(a, b Rule) Rule {
			return Rule{Peers: a.Peers, Access: a.Access.union(b.Access)}
		})
		rules = joinBy(rules, func(r Rule) string { return r.shape() + r.Access.key() }, func(a, b Rule) Rule {
			return Rule{Peers: a.Peers.union(b.Peers), Access: a.Access}
		})
	}
	slices.SortFunc(rules, func(a, b Rule) int {
		return cmp.Or(
			cmp.Compare(a.shape(), b.shape()),
			cmp.Compare(a.Peers.key(), b.Peers.key()),
			cmp.Compare(a.Access.key(), b.Access.key()),
		)
	})
	return rules
}

// joinBy joins the rules that have equal keys.
func joinBy(rules []Rule, key func(Rule) string, join func(a, b Rule) Rule) []Rule {
	var out []Rule
	at := map[string]int{}
	for _, r := range rules {
		k := key(r)
		i, ok := at[k]
		if !ok {
			at[k] = len(out)
			out = append(out, r)
			continue
		}
		out[i] = join(out[i], r)
	}
	return out
}
