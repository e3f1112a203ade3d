// Package ward is the cast of the tests: the endpoints of the hospital sample
// (config/samples/hospital), who else there is in a house like it, and what they
// try to reach. The devices and networks have the sample's own addresses: in
// namespaces without a way out nobody else can have them.
package ward
