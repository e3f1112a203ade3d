package oracle

import "github.com/medfence/medfence/internal/verdict"

// Ours returns the endpoint in the words of internal/verdict, which is compared
// with the judges here. What a World is not told, there is not: an address
// without names has none.
func (e Endpoint) Ours() verdict.Endpoint {
	out := verdict.Endpoint{
		Kind: ourKinds[e.Kind], Cluster: e.Cluster, Namespace: e.Namespace, Name: e.Name, Labels: e.Labels,
		NamespaceLabels: e.NamespaceLabels, ServiceAccount: serviceAccount, IPs: e.IPs, Names: e.Names, APIServer: e.APIServer,
	}
	if out.Names == nil {
		out.Names = []string{}
	}
	for _, p := range e.NamedPorts {
		out.NamedPorts = append(out.NamedPorts, verdict.NamedPort(p))
	}
	return out
}

var ourKinds = map[Kind]verdict.Kind{
	Pod: verdict.Pod, Host: verdict.Host, RemoteNode: verdict.RemoteNode, Address: verdict.Address,
	Health: verdict.Health, Ingress: verdict.IngressProxy, Init: verdict.Init, Unmanaged: verdict.Unmanaged,
}
