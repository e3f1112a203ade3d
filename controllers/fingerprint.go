package controllers

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/medfence/medfence/internal/plan"
)

// A fingerprint stands for all of a zone that the policies of other zones are
// rendered from: who its members are, and how its addresses are grouped. When
// it changes, the zones that conduits join to it must be rendered anew.
type fingerprint string

// fingerprints returns those of a zone and of the zones that conduits join to
// it, as one pass saw them.
func fingerprints(p *plan.Plan, zone string) map[string]fingerprint {
	wanted := map[string]bool{zone: true}
	for i := range p.Conduits {
		var names []string
		for _, end := range slices.Concat(p.Conduits[i].From, p.Conduits[i].To) {
			names = append(names, end.Zone)
		}
		if slices.Contains(names, zone) {
			for _, n := range names {
				wanted[n] = true
			}
		}
	}
	out := make(map[string]fingerprint, len(wanted))
	for i := range p.Zones {
		if wanted[p.Zones[i].Name] {
			out[p.Zones[i].Name] = fingerprintOf(p, &p.Zones[i])
		}
	}
	return out
}

func fingerprintOf(p *plan.Plan, z *plan.Zone) fingerprint {
	type pods struct {
		Key      plan.WorkloadKey
		Name     string
		Selector metav1.LabelSelector
	}
	bare := *z
	bare.Devices, bare.Pods, bare.Unregistered, bare.Conduits = 0, 0, 0, 0
	bare.Spec.Owner, bare.Spec.Description, bare.Spec.SecurityLevel = "", "", nil
	seen := struct {
		Zone      plan.Zone
		Workloads []pods
		Groups    []plan.Group
	}{Zone: bare}
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
	raw, err := json.Marshal(seen)
	if err != nil {
		return "" // impossible: all of it is plain data
	}
	sum := sha256.Sum256(raw)
	return fingerprint(hex.EncodeToString(sum[:]))
}
