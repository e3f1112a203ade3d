// Package people tests, on a real API server, what the people of a hospital
// may do: by the ClusterRoles of config/rbac/people, and with the sign-in that
// config/strong-authentication asks for.
package people
