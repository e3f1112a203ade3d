// Package launch builds a Kubernetes control plane from source and runs it on
// this machine: etcd, kube-apiserver and kube-controller-manager, without
// nodes. It needs nothing but Go: no containers, no downloaded binaries, no
// root. It imports the standard library only, so that the launcher itself is
// there in a second while what it launches takes minutes to compile.
//
//	go.mod, go.sum, multicall/ --Builder--> cache/<key>/{etcd,kube-apiserver,...}
//	                                              |
//	                                            Start
//	                                              v
//	etcd <--mutual TLS-- kube-apiserver <--TLS-- kube-controller-manager
//	         all on loopback, on free ports, state and logs in one directory
package launch
