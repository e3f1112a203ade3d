// Package controllers holds the operator: one reconciler for each kind, and the
// loop that runs them.
//
//	events --index--> zone requests
//	                      |
//	                  DeviceZone: gather -> compile -> render -> apply -> status
//	                      |
//	                    board (facts about devices and conduits, in memory)
//	                      |
//	          MedicalDevice, Conduit: status
//
// Only the zone reconciler compiles and writes policies, zone by zone. What it
// finds out about devices and conduits it puts on the board, which wakes the
// reconcilers of those whose facts changed; they write nothing but statuses.
package controllers
