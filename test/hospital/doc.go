// Package hospital makes random hospitals for property tests: zones, devices,
// conduits, pods and what was accepted before, drawn from pools so small that
// conflicts, typing errors and overlaps are common.
package hospital
