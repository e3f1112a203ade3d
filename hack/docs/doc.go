// Command docs writes what of the documentation follows from the source: the
// index of docs/reasons, and the tables of flags and metrics in
// docs/operations.md. Its tests hold all of the documentation to the source:
// every reason has a page, every link leads somewhere, every manifest can be
// read, every message is one that users see.
//
//	api/v1alpha1/condition_types.go --+
//	docs/reasons/<Reason>.md ---------+--> docs/reasons/README.md
//
//	main.go, controllers ----------------> docs/operations.md, between marks
package main

//go:generate go run . -root ../..
