package compile

import (
	"slices"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/guard"
	"github.com/medfence/medfence/internal/snapshot"
)

// warnOfGuard says of each zone in focus what its guard leaves more open than
// its conduits do, once somebody else's policy allows it.
func (c *compiler) warnOfGuard(target snapshot.TargetKind, guards *guard.Guards) {
	if target != snapshot.Cilium {
		return
	}
	for _, z := range c.zones {
		if len(c.in.Focus) > 0 && !slices.Contains(c.in.Focus, z.in.Name) {
			continue
		}
		where := map[guard.NoteKind][]string{}
		for _, n := range guards.Keep(z.in.Name).Notes {
			where[n.Kind] = append(where[n.Kind], n.Namespace)
		}
		for kind, namespaces := range where {
			c.problems = append(c.problems, z.problem(medfencev1alpha1.ReasonGuardCoarse, "", openWords(kind, namespaces)))
		}
	}
}

// openWords says what stays open, and what to do about it.
func openWords(kind guard.NoteKind, namespaces []string) string {
	const open = "if another team's policy allows it, "
	switch kind {
	case guard.NoteSharedPods:
		return open + sentence("pods of one device in %s can use the conduits of another, since their podSelectors may match the same pod; give the devices different values of one label", listing(namespaces))
	case guard.NoteManySelectors:
		return open + sentence("every pod in %s can use the conduits of every device there, since %d requirements on labels cannot tell them apart; select the devices by different values of one label", listing(namespaces), guard.MaxTerms)
	case guard.NoteManyPeers:
		return open + sentence("every pod in namespace %s can use the conduits of the peers there, since %d requirements on labels cannot tell them apart; select the peers by different values of one label", listing(namespaces), guard.MaxTerms)
	case guard.NoteMoatShared:
		return sentence("the pods of one peer in %s reach the zone's addresses as those of another do, since their podSelectors may match the same pod or are too many; give the peers different values of one label", listing(namespaces))
	case guard.NoteOtherClusters:
		return open + sentence("pods of other clusters of a mesh that are like the peers in %s can use their conduits, since cluster-name of this one is not known; let the operator read Cilium's ConfigMap", listing(namespaces))
	case guard.NotePatterns:
		return open + "registered pods can reach any address on the ports of a conduit to a name with wildcards; list exact names of at most 63 characters"
	case guard.NoteCIDRMatch:
		return open + "registered pods with conduits to addresses can reach and be reached from every other address, since policy-cidr-match-mode is set in Cilium; unset it"
	case guard.NoteICMPTypes:
		return open + "or if they are a peer's pods and the zone's cidrs, every type of ICMP passes where a conduit permits one; permit none where that matters"
	case guard.NoteBudgetPeers:
		return open + "every pod in the namespaces of the zone's peers reaches its registered pods on every port and is reached by them, since the exact guard would take more than half of bpf-policy-map-max; raise that in Cilium"
	case guard.NoteBudgetPods:
		return open + "every pod of the cluster reaches the zone's pods and is reached by them, since a guard against pods would take more than half of bpf-policy-map-max; raise that in Cilium"
	}
	return open + "or if they are a peer's pods and the zone's cidrs, ICMP of every type passes between the ends of every conduit, since enable-icmp-rules is false in Cilium; set it to true"
}
