package opening

import (
	"maps"
	"net/netip"
	"slices"

	"github.com/medfence/medfence/internal/flow"
	"github.com/medfence/medfence/internal/verdict"
)

const (
	// other stands for every name and value that nothing asks for.
	other = "medfence-any"
	// mostPods is how many classes of pods are looked at; a rule that needs more
	// is reported whole.
	mostPods = 3000
	// mostNamed is how many classes of addresses with names are looked at.
	mostNamed = 500
)

// selfPods returns one pod for each class of pods of the zone's namespaces.
func (f *finder) selfPods(v *verdict.Vocabulary) ([]verdict.Endpoint, bool) {
	names := slices.Sorted(maps.Keys(f.spaces))
	return f.podsOf(v, names, []string{""})
}

// peers returns one endpoint for each class of everybody there could be.
func (f *finder) peers(v *verdict.Vocabulary) ([]verdict.Endpoint, bool) {
	spaces := maps.Clone(v.Namespaces)
	maps.Copy(spaces, f.spaces)
	spaces[other] = true
	pods, ok := f.podsOf(v, slices.Sorted(maps.Keys(spaces)), []string{"", other})
	if !ok {
		return nil, false
	}
	return append(append(pods, fixed()...), addresses(v)...), true
}

// podsOf returns a pod for each combination of namespace, cluster and labels. It
// is not ok where there are too many.
func (f *finder) podsOf(v *verdict.Vocabulary, spaces, clusters []string) ([]verdict.Endpoint, bool) {
	sets, ok := combinations(v.Labels, mostPods)
	if !ok {
		return nil, false
	}
	anyLabels, ok := combinations(v.NamespaceLabels, mostPods)
	if !ok {
		return nil, false
	}
	var out []verdict.Endpoint
	for _, ns := range spaces {
		for _, cluster := range clusters {
			nsLabels := anyLabels
			if known, there := f.known[ns]; there && cluster == "" {
				nsLabels = []map[string]string{known}
			}
			if len(out)+len(nsLabels)*len(sets) > mostPods {
				return nil, false
			}
			for _, n := range nsLabels {
				for _, set := range sets {
					out = append(out, verdict.Endpoint{
						Kind: verdict.Pod, Cluster: cluster, Namespace: ns, Labels: set, NamespaceLabels: n,
					})
				}
			}
		}
	}
	return out, true
}

// combinations returns every choice of a value, another value, or none for each
// key. It is not ok where there are more than most.
func combinations(keys map[string]verdict.Set, most int) ([]map[string]string, bool) {
	out := []map[string]string{{}}
	for _, k := range slices.Sorted(maps.Keys(keys)) {
		values := append(slices.Sorted(maps.Keys(keys[k])), other)
		if len(out)*(len(values)+1) > most {
			return nil, false
		}
		next := slices.Clone(out)
		for _, set := range out {
			for _, value := range values {
				with := maps.Clone(set)
				with[k] = value
				next = append(next, with)
			}
		}
		out = next
	}
	return out, true
}

// fixed are the endpoints that are neither pods with labels nor addresses.
func fixed() []verdict.Endpoint {
	none := []string{}
	return []verdict.Endpoint{
		{Kind: verdict.Host, Names: none},
		{Kind: verdict.Host, Names: none, APIServer: true},
		{Kind: verdict.RemoteNode, Names: none},
		{Kind: verdict.RemoteNode, Names: none, APIServer: true},
		{Kind: verdict.Health},
		{Kind: verdict.IngressProxy},
		{Kind: verdict.Init},
		{Kind: verdict.Unmanaged},
	}
}

// addresses returns an address for each prefix that none of the longer ones
// covers, one of each family beyond all, an API server, and some with names.
func addresses(v *verdict.Vocabulary) []verdict.Endpoint {
	prefixes := maps.Clone(v.Prefixes)
	for _, all := range []string{"0.0.0.0/0", "::/0"} {
		prefixes[netip.MustParsePrefix(all)] = true
	}
	sorted := slices.SortedFunc(maps.Keys(prefixes), flow.ComparePrefixes)
	var out []verdict.Endpoint
	for i, p := range sorted {
		var inner []netip.Prefix
		for _, q := range sorted[i+1:] {
			if !p.Contains(q.Addr()) {
				break
			}
			inner = append(inner, q)
		}
		rest := flow.SubtractPrefixes([]netip.Prefix{p}, inner)
		if len(rest) == 0 {
			continue
		}
		ip := rest[len(rest)-1].Addr()
		out = append(out, verdict.Endpoint{Kind: verdict.Address, Name: prefixWord(p), IPs: []netip.Addr{ip}, Names: []string{}})
	}
	return append(out, special(v, out)...)
}

// special returns the addresses again with names, and with an API server.
func special(v *verdict.Vocabulary, plain []verdict.Endpoint) []verdict.Endpoint {
	var out []verdict.Endpoint
	for i, e := range plain {
		e.APIServer = true
		out = append(out, e)
		e.APIServer = false
		if i > 0 && len(v.Names)*len(plain) > mostNamed {
			continue
		}
		for _, n := range slices.Sorted(maps.Keys(v.Names)) {
			e.Names = []string{n}
			out = append(out, e)
		}
	}
	return out
}
