// Package strongauth makes the ValidatingAdmissionPolicies by which the API
// server asks for a recent multi-factor sign-in before it lets anybody weaken
// the isolation of a zone. It is the one source of config/strong-authentication.
//
//	identity provider: amr, auth_time, exp
//	  -> AuthenticationConfiguration -> userInfo.extra[medfence.io/mfa]
//	    -> policy: does the change weaken? then the extra must be there
//
// What is not shown to be harmless counts as weakening. Nothing of it depends
// on an operator that runs, and it has no clock: how recent the sign-in is says
// the AuthenticationConfiguration (docs/adr/0028).
package strongauth

//go:generate go run ./gen -out ../../config/strong-authentication
