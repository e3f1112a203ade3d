// Package manifest reads YAML and JSON, as files or as the output of other
// tools, into a Snapshot. Our own kinds are decoded strictly; a fault says
// where it is and what to change, and the other documents are still read.
package manifest
