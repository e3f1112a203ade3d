// Package netpol renders a plan as networking.k8s.io/v1 NetworkPolicies, for
// any CNI. An enforced zone gets a baseline in each of its namespaces, which
// denies both ways, and one policy for each workload with all its rules of both
// directions: two policies that belong together would be a cut in between.
//
//	namespace icu:  medfence-baseline-infusion        {} denies
//	                medfence-pump-gateway-1a2b3c4d5e  from, to: permits
//
// NetworkPolicies can only isolate, so there are none for zones in Observe, nor
// on the pods of peers.
package netpol
