// Package compile turns a Snapshot into a Plan and Problems. It is pure: no
// client, clock, logger or environment; the same Snapshot, in any order, gives
// the same bytes.
//
//	zones    own checks, then claims: namespaces, prefixes   (incumbents win)
//	devices  bound to zones, then claims: addresses, pods    (incumbents win)
//	conduits resolved against both
//	groups   each zone's addresses, parted by the conduits that hold them
//
// At each step an object whose spec has a Problem contributes its last
// accepted spec instead; what follows sees only specs in force.
package compile
