// Package gather turns a cluster into a Snapshot for one zone. It is the only
// reader of the cluster on the compile path; it reads the manager's cache,
// through indexes, and never the API server.
//
//	zone name -> focus -> conduits -> near zones, devices -> zones -> namespaces, pods, services
//
// It reads the zones that decide how these stand, and no others, so that a pass
// takes no longer in a larger hospital.
//
// What it cannot know it does not guess: a kind that is missing or going, or a
// setting that cannot be read, is an UnknownError, and then nothing is compiled,
// written or pruned.
package gather
