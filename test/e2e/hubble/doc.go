// Package hubble reads the flows that an agent exports: one JSON object a line,
// for every packet that it dropped and every connection that its policies
// decided. They are the second witness of what the packets tell.
package hubble
