// Package plan is the intermediate representation: zones with their resolved
// members, the workloads and address groups that policies can name, and the
// flows that conduits permit between them. A Plan is sorted and comparable;
// it says what shall hold, not how a target expresses it.
//
//	Conduit -> Ends (zone by zone) -> Workloads (pods) and Groups (addresses)
package plan
