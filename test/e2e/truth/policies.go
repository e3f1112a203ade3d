package truth

import (
	"github.com/medfence/medfence/internal/verdict"
	"github.com/medfence/medfence/test/e2e/ward"
)

// Policies answer by the objects that are in the cluster, whoever wrote them.
type Policies struct {
	Judge *verdict.Judge
	// Namespaces are the labels of each namespace.
	Namespaces map[string]map[string]string
}

// Says returns what the policies decide. Unknown is no answer.
func (p *Policies) Says(q Question) verdict.Verdict {
	return p.Judge.Judge(p.endpoint(q.From, q.To), p.endpoint(q.To, q.From), q.Flow())
}

// endpoint is a party as the other end sees it.
func (p *Policies) endpoint(who, other *ward.Party) verdict.Endpoint {
	out := verdict.Endpoint{IPs: who.Addresses, Names: []string{}, APIServer: who.APIServer}
	switch {
	case who.Kind == ward.Pod:
		out.Kind, out.Namespace, out.Name = verdict.Pod, who.Namespace, who.Name
		out.Labels, out.NamespaceLabels, out.ServiceAccount = who.PodLabels(), p.Namespaces[who.Namespace], "default"
	case who.Kind == ward.Outside:
		out.Kind = verdict.Address
	case who.Node == other.Node:
		out.Kind = verdict.Host
	default:
		out.Kind = verdict.RemoteNode
	}
	return out
}
