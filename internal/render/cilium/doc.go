// Package cilium renders a plan as Cilium's own objects (cilium.io/v2), beside
// the baseline NetworkPolicies of package netpol:
//
//	groups    a CiliumCIDRGroup for each set of addresses with equal conduits
//	allows    a CiliumNetworkPolicy for each workload with conduits or DNS, the
//	          same in Observe and Enforce, on the pods of peers too. None of
//	          them switches default deny on, so an allow isolates nobody
//	baseline  a CiliumClusterwideNetworkPolicy for each enforced zone, which
//	          denies by the names of its namespaces, born or not
//
// Three facts of Cilium shape the rules: a rule names peers of one kind only; a
// list of peers that is empty is lost in JSON, and what is left permits
// everyone; and to a rule, port 0 is every port.
package cilium
