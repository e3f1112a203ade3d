// Command chart writes those templates of charts/medfence that say what
// config/ or a package says already, so that nothing is written twice by hand:
//
//	config/crd/bases     -> templates/crds       if crds.install
//	config/rbac          -> templates/rbac
//	config/rbac/people   -> templates/people     if roles.people
//	internal/admission   -> templates/admission  each guard in its own mode
//	internal/strongauth  -> templates/strongauth in the mode of admission.strongAuthentication
//
// It puts in what Helm knows and they do not: the release's namespace, labels,
// and values. The other templates are written by hand, and a test in test/helm
// compares the whole chart with config/default. `make generate` runs it last,
// after all that it reads has been written.
package main
