// Package object holds what the renderers share: the form of a rendered
// object, the stages in which objects are written, names, labels and the words
// that say what a policy permits. It also turns the plan's conduits, which join
// zones, into what a policy needs: the rules of one workload.
//
//	Plan -> Index -> Links of a workload -> Rules -> objects (netpol, cilium)
//	                                    \-> words (the permits annotation)
//
// Whatever a target cannot express, and whatever has no peer, is left out of
// the Index: a rule with an empty list of peers would permit everyone.
package object
