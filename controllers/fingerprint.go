package controllers

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/medfence/medfence/internal/plan"
)

// A fingerprint stands for what a zone is to other zones: when it changes, they
// must be looked at again.
type fingerprint string

// A printKey names one side of a zone.
type printKey struct {
	zone string
	side printSide
}

type printSide string

const (
	// printMembers: who its members are and how its addresses are grouped. The
	// policies of the zones that conduits join to it are rendered from that.
	printMembers printSide = "members"
	// printClaims: which namespaces and addresses it has. What its neighbours
	// can have depends on that.
	printClaims printSide = "claims"
)

// prints are the fingerprints of zones as one pass saw them.
type prints map[printKey]fingerprint

// fingerprints returns those of a zone, of the zones that conduits join to it,
// and of its neighbours.
func fingerprints(p *plan.Plan, zone string, near []string) prints {
	joined := map[string]bool{zone: true}
	for i := range p.Conduits {
		var names []string
		for _, end := range slices.Concat(p.Conduits[i].From, p.Conduits[i].To) {
			names = append(names, end.Zone)
		}
		if slices.Contains(names, zone) {
			for _, n := range names {
				joined[n] = true
			}
		}
	}
	out := prints{}
	for i := range p.Zones {
		z := &p.Zones[i]
		if joined[z.Name] {
			out[printKey{z.Name, printMembers}] = printOfMembers(p, z)
		}
		if z.Name == zone || slices.Contains(near, z.Name) {
			out[printKey{z.Name, printClaims}] = printOf(claimsOf(z))
		}
	}
	return out
}

// claimsOf returns of a zone what others can be in conflict with.
func claimsOf(z *plan.Zone) plan.Zone {
	out := plan.Zone{
		Name: z.Name, UID: z.UID, Standing: z.Standing, Role: z.Role, Enforce: z.Enforce, Released: z.Released,
		Namespaces: slices.Clone(z.Namespaces), Prefixes: z.Prefixes,
	}
	for i := range out.Namespaces {
		out.Namespaces[i].Exists, out.Namespaces[i].Terminating = false, false
	}
	out.Spec.Members, out.Spec.Encryption = z.Spec.Members, z.Spec.Encryption
	return out
}

func printOfMembers(p *plan.Plan, z *plan.Zone) fingerprint {
	type pods struct {
		Key      plan.WorkloadKey
		Name     string
		Selector metav1.LabelSelector
	}
	seen := struct {
		Zone      plan.Zone
		Workloads []pods
		Groups    []plan.Group
	}{Zone: *z}
	seen.Zone.Devices, seen.Zone.Pods, seen.Zone.Unregistered, seen.Zone.Conduits = 0, 0, 0, 0
	seen.Zone.Spec.Owner, seen.Zone.Spec.Description, seen.Zone.Spec.SecurityLevel = "", "", nil
	for _, w := range p.Workloads {
		if w.Zone == z.Name {
			seen.Workloads = append(seen.Workloads, pods{Key: w.WorkloadKey, Name: w.Name, Selector: w.Selector})
		}
	}
	for _, g := range p.Groups {
		if g.Zone == z.Name {
			seen.Groups = append(seen.Groups, g)
		}
	}
	return printOf(seen)
}

func printOf(v any) fingerprint {
	raw, err := json.Marshal(v)
	if err != nil {
		return "" // impossible: all of it is plain data
	}
	sum := sha256.Sum256(raw)
	return fingerprint(hex.EncodeToString(sum[:]))
}
