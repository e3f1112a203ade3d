// Package snapshot holds everything that the compiler may look at, as plain
// data: what users declared, what was accepted before, and what the cluster
// looks like. Both fronts fill it: gather from a cluster, manifest from files.
//
//	cluster - gather ---+
//	                    +-> Snapshot - compile -> Plan + Problems
//	YAML ---- manifest -+
package snapshot
