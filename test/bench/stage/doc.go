// Package stage sets up what a benchmark needs: a control plane with a hospital
// on it, copies of it in one state or another, operators as the programs that
// users run, and bare clients that write the same as they do.
package stage
