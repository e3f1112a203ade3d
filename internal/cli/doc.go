// Package cli is the command line: one file a command. Every command reads a
// cluster or manifests, asks the same compiler as the operator, and prints. It
// never writes to a cluster.
//
//	files, folders, stdin -- manifest --+
//	                                    +-> Snapshot -> analysis -> report
//	cluster ---------------- gather ----+
//
// The exit code is 0 for yes, 1 for no (denied, findings, something opens), and
// 2 where the command could not tell.
package cli
