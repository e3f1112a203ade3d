// Package catalog holds the named services of a hospital's network: on which
// ports the responder listens, whether the traffic is encrypted, whether the
// service is dangerous, and where that is written. The knowledge itself is
// services.yaml; a site adds to it, or overrides it, with a file of the same
// format. The package is pure: it reads bytes and knows no files.
//
//	services.yaml --parse--+
//	                       +--With--> Catalogue --> Lookup, DangerousAt, Nearest
//	site file ----parse----+
package catalog

//go:generate go run ./gen -o ../../docs/services.md
