// Package guard finds out what a zone must deny so that nobody else's policy can
// open it: what no conduit permits, in rules that a deny can express. Allows are
// added up by Cilium whoever wrote them, and a deny beats them all, so the guard
// of a zone is the exact complement of its conduits.
//
//	conduits of the pods of a spec        denied
//	ehr -> gateway TCP 2575               pods of other namespaces        everything
//	                                      pods of ehr that are not ehr's  everything
//	                                      the pods of ehr                 TCP 1-2574, ...
//
// Where an exact complement would cost too much it leaves more open than the
// conduits do, and says what: a Note for each.
package guard
