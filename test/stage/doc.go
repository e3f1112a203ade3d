// Package stage is a cluster that is ready for the operator: a control plane with
// the definitions of Medfence and, unless they are not wanted, of Cilium, and the
// operator's account with its own rights and no others.
package stage
