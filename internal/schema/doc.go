// Package schema refuses what the API server would refuse: an object that does
// not fit the schema of its custom resource definition or breaks one of its rules.
// It is the API server's own code, with the definitions of config/crd, so that a
// manifest is told so with file and line before anybody applies it.
//
// Rules that compare an object with the one before it are about a cluster, and
// are left to it.
package schema
