// Package weather is the API server in trouble: a proxy before it that refuses,
// loses, delays and cuts what passes, as told. Tests that must hold in bad weather
// point their clients at it.
package weather
