package guard

import "slices"

// Names reports whether the specs name a CIDR group.
func Names(specs []Spec, group string) bool {
	for _, s := range specs {
		if deniesName(s.Ingress, group) || deniesName(s.Egress, group) {
			return true
		}
	}
	return false
}

func deniesName(denies []Deny, group string) bool {
	k := Key{GroupKey, group}
	for _, d := range denies {
		for _, a := range d.Addresses {
			if a.Has != nil && *a.Has == k {
				return true
			}
			if slices.Contains(a.Lacks, k) {
				return true
			}
		}
	}
	return false
}
