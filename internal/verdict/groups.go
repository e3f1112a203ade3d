package verdict

import (
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"github.com/cilium/cilium/pkg/fqdn/dns"
	"github.com/cilium/cilium/pkg/policy/api"
)

const (
	// groupNameKey begins the label that carries a group's name.
	groupNameKey = api.LabelPrefixGroupName + "/"
	// groupValueMark joins key and value of a group's label into one key.
	groupValueMark = "+"
)

// groups are the CIDR groups, by their prefixes: an address is found by as many
// look-ups as there are lengths of prefix, however many groups there are.
type groups struct {
	byPrefix map[netip.Prefix][]map[string]string
	lengths  []int // sorted, of both families
	// opaque are groups that this package does not understand: any address may
	// be in them.
	opaque []Policy
}

// A group is one CIDR group.
type group struct {
	labels   map[string]string
	prefixes []netip.Prefix
}

// newGroup returns the group that gives labels to prefixes. What is no prefix is
// skipped, as Cilium does with a bare address.
func newGroup(name string, labels map[string]string, cidrs []api.CIDR) *group {
	own := map[string]string{}
	for k, v := range labels {
		if !strings.HasPrefix(k, ownedPrefix) {
			own[k] = v
			own[k+groupValueMark+v] = ""
		}
	}
	own[groupNameKey+name] = ""
	out := &group{labels: own}
	for _, c := range cidrs {
		if p, err := netip.ParsePrefix(string(c)); err == nil {
			out.prefixes = append(out.prefixes, p.Masked())
		}
	}
	return out
}

// add takes in a group.
func (g *groups) add(one *group) {
	if g.byPrefix == nil {
		g.byPrefix = map[netip.Prefix][]map[string]string{}
	}
	for _, p := range one.prefixes {
		g.byPrefix[p] = append(g.byPrefix[p], one.labels)
		if i, found := slices.BinarySearch(g.lengths, p.Bits()); !found {
			g.lengths = slices.Insert(g.lengths, i, p.Bits())
		}
	}
}

// label adds the labels of every group that holds the address.
func (g *groups) label(s labelSet, ip netip.Addr) {
	for _, n := range g.lengths {
		p, err := ip.Prefix(n)
		if err != nil {
			return
		}
		for _, labels := range g.byPrefix[p] {
			for k, v := range labels {
				s.put(sourceGroup, k, v)
			}
		}
	}
}

// names are the selectors of all toFQDNs rules, by the label that they give to
// the addresses behind the names they match.
type names map[string]*regexp.Regexp

func (n names) add(s api.FQDNSelector) {
	label := s.IdentityLabel()
	if expr, err := s.ToRegex(); err == nil {
		n[label.Key] = expr
	}
}

// label adds what is known of an endpoint's names.
func (n names) label(s labelSet, e Endpoint) {
	for key, expr := range n {
		if e.Names == nil {
			s.unknown[key] = true
			continue
		}
		if slices.ContainsFunc(e.Names, func(name string) bool { return expr.MatchString(dns.FQDN(name)) }) {
			s.put(sourceFQDN, key, "")
		}
	}
}
