package manifest

import (
	"net/netip"
	"slices"
	"time"

	"github.com/medfence/medfence/internal/catalog"
	"github.com/medfence/medfence/internal/flow"
	"github.com/medfence/medfence/internal/snapshot"
)

// Setting is what manifests do not tell.
type Setting struct {
	Now       time.Time
	Target    snapshot.Target
	Catalogue *catalog.Catalogue
	// Cluster adds to the ranges of the Nodes and ServiceCIDRs that were read.
	Cluster snapshot.Cluster
}

// Snapshot returns the objects as the compiler reads them. Namespaces that a
// pod, a device or a zone of ours lives in count as existing: manifests seldom
// bring their namespaces along.
func (o *Objects) Snapshot(setting Setting) *snapshot.Snapshot {
	s := &snapshot.Snapshot{Now: setting.Now, Target: setting.Target, Catalogue: setting.Catalogue, Cluster: setting.Cluster}
	for _, z := range o.Zones {
		s.Zones = append(s.Zones, snapshot.FromZone(z))
	}
	for _, d := range o.Devices {
		s.Devices = append(s.Devices, snapshot.FromDevice(d))
	}
	for _, c := range o.Conduits {
		s.Conduits = append(s.Conduits, snapshot.FromConduit(c))
	}
	for _, n := range o.Namespaces {
		s.Namespaces = append(s.Namespaces, snapshot.FromNamespace(n))
	}
	for _, p := range o.Pods {
		if !snapshot.Ended(p) {
			s.Pods = append(s.Pods, snapshot.FromPod(p))
		}
	}
	for _, p := range o.Templates {
		s.Pods = append(s.Pods, snapshot.FromPod(p))
	}
	for _, svc := range o.Services {
		if len(svc.Spec.Selector) > 0 {
			s.Services = append(s.Services, snapshot.FromService(svc))
		}
	}
	o.addRanges(s)
	o.addNamespaces(s)
	return s
}

func (o *Objects) addRanges(s *snapshot.Snapshot) {
	ranges := slices.Clone(s.Cluster.Ranges)
	for _, n := range o.Nodes {
		addresses, pods := snapshot.FromNode(n)
		ranges = slices.Concat(ranges, addresses, pods)
	}
	for _, c := range o.ServiceCIDRs {
		for _, text := range c.Spec.CIDRs {
			if p, err := netip.ParsePrefix(text); err == nil {
				ranges = append(ranges, p.Masked())
			}
		}
	}
	s.Cluster.Ranges = flow.MergePrefixes(ranges)
}

func (o *Objects) addNamespaces(s *snapshot.Snapshot) {
	known := map[string]bool{}
	for _, n := range s.Namespaces {
		known[n.Name] = true
	}
	add := func(name string) {
		if name != "" && !known[name] {
			known[name] = true
			labels := map[string]string{"kubernetes.io/metadata.name": name}
			s.Namespaces = append(s.Namespaces, snapshot.Namespace{Name: name, Labels: labels})
		}
	}
	for _, p := range o.Pods {
		add(p.Namespace)
	}
	for _, p := range o.Templates {
		add(p.Namespace)
	}
	for _, d := range o.Devices {
		add(d.Namespace)
	}
	for _, n := range o.implied {
		add(n)
	}
	for _, z := range o.Zones {
		for _, n := range z.Spec.Members.Namespaces {
			add(n)
		}
	}
}
