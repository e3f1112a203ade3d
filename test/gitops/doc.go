// Package gitops tests what GitOps tools make of Medfence, and Medfence of
// them: the health that Argo CD and Flux read from a status, and what becomes of
// zones, conduits, devices and policies when a tool applies and prunes them. A
// module of its own, so that the operator depends on no GitOps tool.
package gitops
