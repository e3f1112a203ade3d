// Package hostile makes random objects that the API server has to take
// seriously: valid by the schema of our custom resource definitions, which it
// walks, and as unkind as that permits. Lists are empty or full, strings short,
// long, or of other scripts, names almost right, zones at odds with each other.
// Beside them it makes what other teams have in a cluster: pods, Services,
// namespaces and policies, with our own labels and annotations misused.
//
//	config/crd ──schema──> Generator ──seed──> objects ──> a real API server,
//	                                                       a real operator
package hostile
