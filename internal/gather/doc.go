// Package gather turns a cluster into a Snapshot for one zone. It is the only
// reader of the cluster on the compile path; it reads the manager's cache,
// through indexes, and never the API server.
//
//	zone name -> focus -> conduits -> zones -> devices -> namespaces, pods, services
//
// What it cannot know it does not guess: a kind that is missing or going, or a
// setting that cannot be read, is an UnknownError, and then nothing is compiled,
// written or pruned.
package gather
