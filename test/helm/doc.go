// Package helm tests charts/medfence with Helm's own library on a real API
// server, and the kustomize tree beside it. It is a module of its own, so that
// Helm, Prometheus and what they need stay out of the operator's go.mod.
package helm
