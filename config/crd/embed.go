// Package crd holds the custom resource definitions as they are installed, for
// programs that check manifests without a cluster.
package crd

import "embed"

// Bases are the definitions, one file each.
//
//go:embed bases/*.yaml
var Bases embed.FS
