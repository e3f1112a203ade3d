package guard

import (
	"cmp"
	"maps"
	"regexp"
	"slices"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/flow"
	"github.com/medfence/medfence/internal/plan"
	"github.com/medfence/medfence/internal/render/object"
)

// permits are the peers of some workloads in one direction, each with the union
// of what all conduits permit with it.
type permits struct {
	pods []podPermit
	// keys are groups, names and API servers, patterns are names that no label
	// tells.
	keys     []keyPermit
	patterns []access
	host     *access // the own node
	nodes    *access // all others
	servers  *access // API servers, nodes or not
}

type podPermit struct {
	access
	namespace string
	terms     []Term
}

type keyPermit struct {
	access
	key Key
}

// A collector gathers permits by peer.
type collector struct {
	pods     map[string]*podPermit
	keys     map[Key]*keyPermit
	patterns map[string]*access
	entities map[medfencev1alpha1.Entity]*access
	host     *access
}

func (b *builder) permits(members []*plan.Workload, d object.Direction) permits {
	c := &collector{
		pods: map[string]*podPermit{}, keys: map[Key]*keyPermit{}, patterns: map[string]*access{},
		entities: map[medfencev1alpha1.Entity]*access{},
	}
	for _, w := range members {
		for _, l := range b.ix.Links(w.WorkloadKey) {
			if l.Direction == d {
				c.addLink(b.ix, l)
			}
		}
		if dns, ok := b.ix.DNS(w); ok && d == object.Egress {
			c.addDNS(dns)
		}
	}
	b.noteTypes(c)
	return c.permits()
}

func (c *collector) addLink(ix *object.Index, l object.Link) {
	for _, end := range l.Peers {
		for _, s := range l.Services {
			for _, pods := range ix.Pods(end.Workloads) {
				c.pod(pods, func(a *access) { a.add(s) })
			}
			for _, g := range end.Groups {
				c.key(Key{GroupKey, object.GroupName(g)}).add(s)
			}
			for _, name := range end.FQDNs {
				c.name(name).add(s)
			}
			for _, e := range end.Entities {
				c.entity(e).add(s)
			}
		}
	}
}

func (c *collector) addDNS(dns object.DNS) {
	c.pod(dns.Pods, func(a *access) { openPorts(a, dns.Ports) })
	if len(dns.NodeLocal) > 0 {
		if c.host == nil {
			c.host = &access{}
		}
		openPorts(c.host, object.NodeLocalPorts)
	}
}

func openPorts(a *access, ports []object.Port) {
	for _, p := range ports {
		a.open(p.Protocol, flow.NewPortSet(p.Range))
	}
}

func (c *collector) pod(pods object.Pods, open func(*access)) {
	terms := termsOf(pods.Selector)
	for _, n := range pods.Namespaces {
		k := text([]any{n, terms})
		if c.pods[k] == nil {
			c.pods[k] = &podPermit{namespace: n, terms: terms}
		}
		open(&c.pods[k].access)
	}
}

func (c *collector) key(k Key) *access {
	if c.keys[k] == nil {
		c.keys[k] = &keyPermit{key: k}
	}
	return &c.keys[k].access
}

// keyForm is the form of a name that can be the key of a label.
var keyForm = regexp.MustCompile(`^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$`)

func (c *collector) name(name string) *access {
	if keyForm.MatchString(name) {
		return c.key(Key{NameKey, name})
	}
	if c.patterns[name] == nil {
		c.patterns[name] = &access{}
	}
	return c.patterns[name]
}

func (c *collector) entity(e medfencev1alpha1.Entity) *access {
	if e == medfencev1alpha1.EntityKubeAPIServer {
		return c.key(Key{Kind: APIServerKey})
	}
	if c.entities[e] == nil {
		c.entities[e] = &access{}
	}
	return c.entities[e]
}

func (c *collector) permits() permits {
	var out permits
	for _, k := range slices.Sorted(maps.Keys(c.pods)) {
		out.pods = append(out.pods, *c.pods[k])
	}
	for _, k := range slices.SortedFunc(maps.Keys(c.keys), compareKeys) {
		out.keys = append(out.keys, *c.keys[k])
		if k.Kind == APIServerKey {
			out.servers = &c.keys[k].access
		}
	}
	for _, k := range slices.Sorted(maps.Keys(c.patterns)) {
		out.patterns = append(out.patterns, *c.patterns[k])
	}
	out.host = c.host
	if all := c.entities[medfencev1alpha1.EntityNodes]; all != nil {
		out.nodes = all
		own := *all
		own.ports = maps.Clone(all.ports)
		if c.host != nil {
			for protocol, ports := range c.host.ports {
				own.open(protocol, ports)
			}
		}
		out.host = &own
	}
	return out
}

func compareKeys(a, b Key) int {
	return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
}

// grants is equal for workloads to which the same is permitted.
func (b *builder) grants(w *plan.Workload) string {
	notes := b.notes
	defer func() { b.notes = notes }()
	type grants struct{ Ingress, Egress []Deny }
	one := []*plan.Workload{w}
	return text(grants{b.denies(one, object.Ingress), b.denies(one, object.Egress)})
}
