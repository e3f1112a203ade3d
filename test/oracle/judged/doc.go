// Package judged compares internal/verdict with the judges of test/oracle, which
// nobody here wrote: over random policies of every kind, random endpoints and
// random flows, each object through YAML and back. Where the verdict is Allow or
// Deny the engine must say the same; Unknown must be rare. It has tests only.
package judged
