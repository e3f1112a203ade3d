// Package house puts the hospital into the lab: its namespaces, pods, devices
// and neighbours, each with a station that sends and receives, and asks
// questions by packets.
package house
