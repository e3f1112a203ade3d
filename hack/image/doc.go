// Command image builds the operator's container image without a container
// engine, and without an image to start from:
//
//	go build, CGO off  -> /medfence              a layer
//	Mozilla's CA roots -> /etc/ssl/certs         a layer, with passwd and group
//
// for linux on amd64 and arm64. The same source gives the same bytes: nothing in
// it has a time of its own, and the roots come from a Go module that go.sum
// pins. It writes, into one folder,
//
//	oci/                  an OCI layout with an index over both architectures
//	medfence-ARCH.tar     what `docker load` takes
//	sbom-ARCH.cdx.json    CycloneDX, from what the linker recorded in the binary
//	provenance.json       an in-toto statement with a SLSA provenance, unsigned
//	digest                of the index: what a chart names in image.digest
package main
