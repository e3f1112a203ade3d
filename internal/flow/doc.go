// Package flow is the vocabulary of packets: protocols, port ranges, ICMP
// types and flows. It is a leaf: it knows nothing of zones, policies or
// clusters, so that the compiler and the verdict engine can share its words
// without sharing their opinions.
package flow
