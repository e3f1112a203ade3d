// Package lab is a small real cluster on one machine, made of network
// namespaces: nodes with real cilium-agents, pods, and everybody outside.
//
//	        +------------- switch (bridge, router, no uplink) ------------+
//	        |          |           |            |             |           |
//	   control      operator     node-1       node-2        pump-1 ... laptop
//	etcd, API server  medfence   agent        agent        one namespace each
//	                             |    |       |    |
//	                            pod  pod     pod  pod
//
// Nothing in it has a way to the machine's own network. Whatever ends the
// program, the kernel kills what it started; what is left of namespaces is
// removed by the next start.
package lab
