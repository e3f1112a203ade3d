package opening

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/verdict"
)

// mostWords is how many things a list names before it counts the rest.
const mostWords = 4

// peerWords are the classes of peers, in words, by the order in which they are
// named.
type peerWords map[string]int

func (w peerWords) add(e verdict.Endpoint) {
	text, rank := peerWord(e)
	w[text] = rank
}

// peerWord names the class of a peer, and ranks it: what is far worse comes
// first.
func peerWord(e verdict.Endpoint) (text string, rank int) {
	switch {
	case e.Kind == verdict.Address:
		return addressWord(e)
	case e.Kind != verdict.Pod && e.APIServer:
		return "the API server", 6
	case e.Kind != verdict.Pod:
		return e.Kind.String(), 5
	case e.Cluster != "":
		return "pods of other clusters", 3
	case e.Namespace == other:
		return "pods of any other namespace", 0
	}
	return "pods of namespace " + e.Namespace, 2
}

func addressWord(e verdict.Endpoint) (text string, rank int) {
	switch {
	case len(e.Names) > 0:
		return "addresses of " + e.Names[0], 4
	case e.APIServer:
		return "an API server outside the cluster", 6
	}
	return e.Name, 1
}

// prefixWord names the addresses of a prefix that are in no longer one.
func prefixWord(p netip.Prefix) string {
	switch {
	case p.Bits() > 0:
		return "addresses of " + p.String()
	case p.Addr().Is4():
		return "any other IPv4 address"
	}
	return "any other IPv6 address"
}

// String returns the peers, with the addresses in one.
func (w peerWords) String() string {
	texts := slices.SortedFunc(maps.Keys(w), func(a, b string) int {
		if w[a] != w[b] {
			return w[a] - w[b]
		}
		return strings.Compare(a, b)
	})
	return list(texts)
}

// podWords names a class of the zone's pods.
func podWords(e verdict.Endpoint) string {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(e.Labels)) {
		if e.Labels[k] != other {
			parts = append(parts, k+"="+e.Labels[k])
		}
	}
	if len(parts) == 0 {
		return "pods of " + e.Namespace
	}
	return "pods of " + e.Namespace + " with " + strings.Join(parts, ",")
}

// list joins texts.
func list(texts []string) string {
	if len(texts) > mostWords {
		rest := len(texts) - mostWords
		return fmt.Sprintf("%s and %d more", strings.Join(texts[:mostWords], ", "), rest)
	}
	return strings.Join(texts, ", ")
}

// State returns what becomes of the opening: it is open, or perhaps, or a deny
// rule blocks it.
func (o *Opening) State() medfencev1alpha1.OpeningState {
	switch {
	case o.Blocked:
		return medfencev1alpha1.OpeningBlocked
	case o.Unsure != "":
		return medfencev1alpha1.OpeningPossible
	}
	return medfencev1alpha1.OpeningOpen
}

// Passes says what the opening lets pass: "everybody to every pod: TCP 22".
func (o *Opening) Passes() string {
	from, to := o.Peers, o.Pods
	if o.Direction == verdict.Egress {
		from, to = to, from
	}
	text := fmt.Sprintf("%s to %s: %s", from, to, o.Traffic)
	if o.Unsure != "" {
		text += " (" + o.Unsure + ")"
	}
	return text
}

// Stops says what the closure stops: "conduit a: pods of x to pods of y: TCP 22".
func (c *Closure) Stops() string {
	text := fmt.Sprintf("%s: %s: %s", strings.Join(c.Conduits, ", "), c.Peers, c.Traffic)
	if len(c.Conduits) == 0 {
		text = "nobody can tell"
	}
	if c.Unsure != "" {
		text += " (" + c.Unsure + ")"
	}
	return text
}
