// Package apply brings the cluster to what was rendered for one zone. It is the
// only writer of the objects that Medfence owns: it compares, writes, orders and
// prunes, and says what it did in a ChangeSet. It holds no state: what it knows
// comes from the cache, from the zone's record and from its own writes.
//
//	         up: what must be there before it is relied upon
//	Desired  --> group (grown) --> allow --> baseline --> guard --> moat
//	                                                                  |
//	Recorded <-- group (shrunk) <-- allow <-- baseline <-- moat <-- guard
//	         down: what nobody relies upon any more
//
// Whatever fails or must wait leaves a state from which the next pass, of this
// process or of its successor, goes on.
package apply
