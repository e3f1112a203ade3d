// Package render turns a plan into the objects of the plan's target. It is
// pure: the same plan gives the same bytes, in whatever order its parts come.
//
//	                 +- netpol: NetworkPolicies ------+
//	Plan - object ---+                                +-> objects, by stage
//	                 +- cilium: groups, allows, CCNP -+
//
// On Cilium the baseline stands twice: as a NetworkPolicy in each namespace,
// and cluster-wide by the names of the namespaces.
package render
