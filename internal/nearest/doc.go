// Package nearest finds the name that a mistyped one was meant to be, for
// messages such as "there is no zone infusoin; the nearest is infusion". It is
// a leaf, and silent rather than wrong: no name is better than a far one.
package nearest
