// Command soak lets a real operator work for a long time: people change devices,
// conduits, pods and zones without a pause, other teams open and spoil, the API
// server is in bad weather now and then. Every half minute all is made as many as
// at the beginning again; what the operator holds in memory then must not grow,
// what stands in the cluster must be what a fresh look at it would render, and no
// pass may have ended in a panic.
//
//	people, others ──> API server <── weather <── operator (a process of its own)
//	       └────────────── fresh render, compared ──────────────┘
//
// It is run by `make soak`, and writes a table and soak.json.
package main
