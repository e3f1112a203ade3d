// Package verdict judges policy objects, whoever wrote them: does a flow from
// one endpoint to another pass? It knows NetworkPolicy, CiliumNetworkPolicy,
// CiliumClusterwideNetworkPolicy and CiliumCIDRGroup, under Cilium's semantics
// or under those of plain NetworkPolicy. It knows nothing of zones and plans:
// it is the independent judge of what is made of them.
//
//	objects -- strict decoding --> policies -- index --> Judge
//	                 |                                     |
//	                 +-> opaque: not understood            v
//	                                    from, to, flow -> Verdict with Steps
//
// The answer is Allow, Deny or Unknown. Unknown is what objects alone cannot
// decide: an address behind a name, the content of a connection, a field or a
// kind that this package does not know. Nothing unknown is ever ignored: every
// match is yes, no or maybe, and only what no maybe can change is an answer.
package verdict
