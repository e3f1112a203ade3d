package truth

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/catalog"
	"github.com/medfence/medfence/internal/compile"
	"github.com/medfence/medfence/internal/flow"
	"github.com/medfence/medfence/internal/manifest"
	"github.com/medfence/medfence/internal/plan"
	"github.com/medfence/medfence/internal/snapshot"
	"github.com/medfence/medfence/test/e2e/ward"
)

// Why a question may pass or not. A conduit is named: "Conduit/pumps".
const (
	Unrestricted = "no enforced zone"
	OwnNode      = "a node always reaches its own pods"
	ClusterDNS   = "the cluster's DNS"
	NoConduit    = "no conduit"

	conduitPrefix = "Conduit/"
)

// Conduits answer by what people declared.
type Conduits struct {
	plan   *plan.Plan
	target snapshot.TargetKind
}

// ReadConduits reads manifests: files, and folders of them.
func ReadConduits(target snapshot.TargetKind, ranges []netip.Prefix, paths ...string) (*Conduits, error) {
	var files []manifest.File
	for _, path := range paths {
		names := []string{path}
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			if names, err = filepath.Glob(filepath.Join(path, "*.yaml")); err != nil {
				return nil, fmt.Errorf("listing %s: %w", path, err)
			}
		}
		for _, name := range names {
			content, err := os.ReadFile(name)
			if err != nil {
				return nil, fmt.Errorf("reading manifests: %w", err)
			}
			files = append(files, manifest.File{Name: name, Data: content})
		}
	}
	objects, faults := manifest.Read(files)
	if len(faults) > 0 {
		return nil, fmt.Errorf("reading manifests: %w", faults[0])
	}
	s := objects.Snapshot(manifest.Setting{
		Now:       time.Now(),
		Target:    snapshot.Target{Kind: target, ICMP: true, DNSProxy: true, Cluster: "default"},
		Catalogue: catalog.Embedded(),
		Cluster: snapshot.Cluster{
			Ranges: ranges,
			DNS: snapshot.DNS{
				Namespace: "kube-system", Selector: map[string]string{"k8s-app": "kube-dns"},
				Ports:  []snapshot.DNSPort{{Protocol: flow.TCP, Port: 53}, {Protocol: flow.UDP, Port: 53}},
				Domain: "cluster.local",
			},
		},
	})
	return &Conduits{plan: compile.Compile(s).Plan, target: target}, nil
}

// Says returns whether a question may pass, and why: a conduit or the cluster's
// DNS permits it, or nothing restricts it.
func (c *Conduits) Says(q Question) (passes bool, why string) {
	switch {
	case q.From.Kind == ward.Node && q.To.Kind == ward.Pod && q.From.Node == q.To.Node:
		return true, OwnNode
	case !c.concerned(q):
		return true, Unrestricted
	}
	if c.resolves(q) {
		return true, ClusterDNS
	}
	for _, conduit := range c.plan.Conduits {
		if conduit.Permits() && slices.ContainsFunc(conduit.Services, func(s flow.Service) bool { return serves(s, q.Service) }) &&
			slices.ContainsFunc(conduit.Pairs(), func(p plan.Pair) bool { return c.holds(p.From, q.From, q.Source) && c.holds(p.To, q.To, q.Destination) }) {
			return true, conduitPrefix + conduit.Name
		}
	}
	return false, NoConduit
}

// concerned reports whether an end is in an enforced zone: a pod of its
// namespaces, or, where prefixes can be denied to others, one of its addresses.
func (c *Conduits) concerned(q Question) bool {
	return slices.ContainsFunc(c.plan.Zones, func(z plan.Zone) bool {
		if !z.Enforce {
			return false
		}
		return within(z, q.From) || within(z, q.To) ||
			c.target == snapshot.Cilium && (moated(z, q.From, q.Source) || moated(z, q.To, q.Destination))
	})
}

func within(z plan.Zone, p *ward.Party) bool {
	return p.Kind == ward.Pod && slices.ContainsFunc(z.Namespaces, func(n plan.Namespace) bool { return n.Name == p.Namespace })
}

func moated(z plan.Zone, p *ward.Party, a netip.Addr) bool {
	return p.Kind == ward.Outside && slices.ContainsFunc(z.Prefixes, func(x netip.Prefix) bool { return x.Contains(a) })
}

func (c *Conduits) resolves(q Question) bool {
	return q.Service.Port == 53 && q.To.Labels["k8s-app"] == "kube-dns" && slices.ContainsFunc(c.plan.Workloads, func(w plan.Workload) bool {
		return w.DNS != "" && w.DNS != medfencev1alpha1.DNSNone && selects(w, q.From)
	})
}

func serves(s flow.Service, asked ward.Service) bool {
	if s.Protocol != asked.Protocol {
		return false
	}
	return asked.Protocol == flow.ICMP || s.Ports.Contains(asked.Port)
}

func (c *Conduits) holds(e plan.End, p *ward.Party, a netip.Addr) bool {
	switch p.Kind {
	case ward.Pod:
		return slices.ContainsFunc(c.plan.Workloads, func(w plan.Workload) bool {
			return slices.Contains(e.Workloads, w.WorkloadKey) && selects(w, p)
		})
	case ward.Node:
		return slices.Contains(e.Entities, medfencev1alpha1.EntityNodes)
	}
	if p.APIServer && slices.Contains(e.Entities, medfencev1alpha1.EntityKubeAPIServer) {
		return true
	}
	return slices.ContainsFunc(c.plan.Groups, func(g plan.Group) bool {
		return slices.Contains(e.Groups, g.Name) && slices.ContainsFunc(g.Prefixes, func(x netip.Prefix) bool { return x.Contains(a) })
	})
}

func selects(w plan.Workload, p *ward.Party) bool {
	selector, err := metav1.LabelSelectorAsSelector(&w.Selector)
	return err == nil && p.Kind == ward.Pod && w.Namespace == p.Namespace && selector.Matches(labels.Set(p.PodLabels()))
}
