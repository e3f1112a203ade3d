// Package admission makes the ValidatingAdmissionPolicies by which the API
// server guards zones: six guards, each off, warn or deny. It is the one source
// of config/admission, and of whatever else installs them.
//
//	guard -> policies (what is refused, to whom, with which words)
//	mode  -> bindings (warn or deny; without one, a policy does nothing)
//
// No webhook is called and nothing depends on an operator that runs: the rules
// are CEL, and what they know of zones they read from DeviceZones.
package admission

//go:generate go run ./gen -out ../../config/admission
