package guard

import (
	"slices"

	"github.com/medfence/medfence/internal/render/object"
)

// podDenies denies every pod but the peers, and the peers all but what is
// permitted to them. A pod that several selectors of peers match is permitted
// what any of them is.
func (b *builder) podDenies(peers []podPermit) []Deny {
	spaces := namespacesOf(peers)
	strangers := []PodSet{{Namespaces: spaces, Outside: true}}
	if len(spaces) > 0 && b.settings.Cluster != "" {
		strangers = append(strangers, PodSet{OtherClusters: b.settings.Cluster})
	}
	if len(spaces) > 0 && b.settings.Cluster == "" {
		b.note(NoteOtherClusters, spaces...)
	}
	if b.detail >= noPeers {
		return []Deny{{Pods: strangers}}
	}
	all := func(int) bool { return true }
	out := []Deny{{Pods: append(strangers, b.besides(peers, all)...)}}
	accesses := make([]access, 0, len(peers))
	for _, p := range peers {
		accesses = append(accesses, p.access)
	}
	for _, c := range classes(accesses) {
		if len(peers) == 0 || len(c.peers) == len(peers) {
			continue // to all peers, or there are none: said already
		}
		if sets := b.besides(peers, c.to); len(sets) > 0 {
			out = append(out, b.rules(&c, Deny{Pods: sets})...)
		}
	}
	return out
}

func namespacesOf(peers []podPermit) []string {
	var out []string
	for _, p := range peers {
		out = append(out, p.namespace)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// besides returns the pods of the peers' namespaces that are none of the peers
// that count. Namespaces with equal sets share one.
func (b *builder) besides(peers []podPermit, counts func(int) bool) []PodSet {
	var out []PodSet
	at := map[string]int{}
	add := func(namespace string, terms []Term) {
		k := text(terms)
		if i, ok := at[k]; ok {
			out[i].Namespaces = append(out[i].Namespaces, namespace)
			return
		}
		at[k] = len(out)
		out = append(out, PodSet{Namespaces: []string{namespace}, Terms: terms})
	}
	for _, n := range namespacesOf(peers) {
		var selectors [][]Term
		for i, p := range peers {
			if p.namespace == n && counts(i) {
				selectors = append(selectors, p.terms)
			}
		}
		rest, ok := complement(selectors)
		if !ok {
			b.note(NoteManyPeers, n)
			continue
		}
		for _, terms := range rest {
			add(n, terms)
		}
	}
	return out
}

// addressDenies denies every address but the peers', and to these all but what
// is permitted to them. An address that is several peers (a name can resolve
// into a group; a device changes its group) is permitted what any of them is.
func (b *builder) addressDenies(p permits) []Deny {
	if len(p.keys)+len(p.patterns) == 0 {
		return []Deny{{World: true}}
	}
	var out []Deny
	if len(p.patterns) == 0 && b.excludesByLabel() {
		out = append(out, Deny{Addresses: []AddressSet{{Lacks: keysOf(p.keys, func(int) bool { return true })}}})
	}
	if len(p.patterns) > 0 {
		b.note(NotePatterns)
	}
	accesses := slices.Clone(p.patterns)
	for _, k := range p.keys {
		accesses = append(accesses, k.access)
	}
	for _, c := range classes(accesses) {
		if len(c.peers) > 0 && c.peers[0] < len(p.patterns) {
			continue // permitted to addresses that no label tells
		}
		out = append(out, b.addressClass(p, &c)...)
	}
	return out
}

// addressClass denies a class to the addresses to which it is not permitted:
// to peers, or, where names with wildcards keep the others open, to everybody.
func (b *builder) addressClass(p permits, c *class) []Deny {
	permitted := func(i int) bool { return c.to(i + len(p.patterns)) }
	keys := keysOf(p.keys, permitted)
	switch {
	case len(p.patterns) > 0 && len(keys) == 0:
		return b.rules(c, Deny{World: true})
	case len(p.patterns) > 0 && b.excludesByLabel():
		return b.rules(c, Deny{Addresses: []AddressSet{{Lacks: keys}}})
	}
	sets := addressSets(p.keys, permitted)
	if len(sets) == 0 {
		return nil
	}
	return b.rules(c, Deny{Addresses: sets})
}

// excludesByLabel reports whether "every address without this label" can be
// said: where prefixes match nodes or pods too it would cut them off.
func (b *builder) excludesByLabel() bool {
	if b.settings.CIDRMatch {
		b.note(NoteCIDRMatch)
	}
	return !b.settings.CIDRMatch
}

// addressSets returns the addresses of the peers to which something is not
// permitted, and that are no peer to which it is.
func addressSets(peers []keyPermit, permitted func(int) bool) []AddressSet {
	var out []AddressSet
	lacks := keysOf(peers, permitted)
	for i, p := range peers {
		if !permitted(i) {
			out = append(out, AddressSet{Has: &p.key, Lacks: lacks})
		}
	}
	return out
}

func keysOf(peers []keyPermit, counts func(int) bool) []Key {
	var out []Key
	for i, p := range peers {
		if counts(i) {
			out = append(out, p.key)
		}
	}
	return out
}

// nodeDenies denies nodes, and what is neither node, pod nor address. The own
// node is never denied on the way in: probes come from it.
func (b *builder) nodeDenies(p permits, d object.Direction) []Deny {
	all := nodeSets(nodeAccess{p.host != nil, p.nodes != nil, p.servers != nil}, d)
	out := []Deny{{Strangers: true, Nodes: all}}
	var peers []access
	at := func(a *access) int {
		if a == nil {
			return -1
		}
		peers = append(peers, *a)
		return len(peers) - 1
	}
	host, nodes, servers := at(p.host), at(p.nodes), at(p.servers)
	if len(peers) == 0 {
		return out
	}
	for _, c := range classes(peers) {
		denied := nodeSets(nodeAccess{c.to(host), c.to(nodes), c.to(servers)}, d)
		denied = slices.DeleteFunc(denied, func(s NodeSet) bool { return slices.Contains(all, s) })
		if len(denied) > 0 {
			out = append(out, b.rules(&c, Deny{Nodes: denied})...)
		}
	}
	return out
}

// A nodeAccess tells which nodes may be reached: the own one, all others, and
// those that are API servers.
type nodeAccess struct{ host, nodes, servers bool }

// nodeSets returns the nodes that may not.
func nodeSets(to nodeAccess, d object.Direction) []NodeSet {
	var out []NodeSet
	if !to.nodes {
		out = append(out, NodeSet{NotAPIServer: to.servers})
	}
	if !to.host && d == object.Egress {
		out = append(out, NodeSet{Host: true, NotAPIServer: to.servers})
	}
	return out
}
