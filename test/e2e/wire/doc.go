// Package wire sends real packets between network namespaces and sees which
// arrive. Every packet has two witnesses at its destination: a raw socket, which
// sees it as soon as the destination's own IP stack has it, and a server that
// answers it.
//
//	Station A                                Station B
//	probe: socket, connect --- network ---> raw socket: "a SYN from A:41234"
//	         ^                              server: echo
//	         +------------- echo -----------+
package wire
