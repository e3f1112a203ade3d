// Package opening finds what other people's policies do to a zone: the openings,
// which let pass what no conduit permits; the closures, which stop what a conduit
// permits; and the ways that lead round every policy. It asks the judge of
// internal/verdict, and has no opinion of its own on what a policy means.
//
//	Plan, our objects, theirs --> classes of endpoints --> Reach of each pair
//	                                                          |
//	       what their rules allow - what conduits permit - what is denied
//	                                                          |
//	                              Openings (open, or blocked by the guard)
//
// The far end of an opening need not exist: a rule is judged for every endpoint
// that there could be, by one example of each class that the rules and the plan
// can tell apart. So no opening is missed; where the classes are too many to
// look at, the whole rule is reported.
package opening
