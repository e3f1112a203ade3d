// Command demo shows Medfence at work on a real control plane of its own: it
// installs the operator's CRDs and rights, runs the operator with them, applies
// the hospital of config/samples, and then does to it what a hospital's day
// does, saying each time what happened and how long it took.
package main
