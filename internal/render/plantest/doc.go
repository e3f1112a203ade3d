// Package plantest makes plans for the tests of the renderers: a small
// hospital, random plans, and the same plan in another order. It also says what
// a plan permits, by labels and addresses alone, so that a test can compare
// that with what was rendered. It knows nothing of package object.
package plantest
