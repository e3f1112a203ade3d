package gather

import (
	"context"
	"net/netip"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/medfence/medfence/internal/catalog"
	"github.com/medfence/medfence/internal/snapshot"
)

// Settings are what the operator was told about its cluster.
type Settings struct {
	// Target is the kind of policies that are rendered.
	Target snapshot.TargetKind
	// Catalogue resolves the names of services.
	Catalogue *catalog.Catalogue
	// Protected are namespaces that no zone may hold.
	Protected []string
	// ClusterCIDRs are pod, service or node ranges beside those that the cluster
	// tells by itself.
	ClusterCIDRs []netip.Prefix
	// DNSService is the Service of the cluster's DNS.
	DNSService types.NamespacedName
	// NodeLocalDNS are the addresses of a node-local DNS cache.
	NodeLocalDNS []netip.Addr
	// ClusterDomain is the domain of the cluster's own names.
	ClusterDomain string
	// CiliumConfig is the ConfigMap of Cilium's settings.
	CiliumConfig types.NamespacedName
	// CiliumConfigForbidden is true where the operator may not read it.
	CiliumConfigForbidden bool
	// Envoy is true where Cilium runs with its Envoy proxy. No setting of Cilium's
	// proves it, and an HTTP rule without Envoy can leave its port open.
	Envoy bool
	// Groups is true where the API server serves CiliumCIDRGroups and the policies
	// that name them.
	Groups bool
	// Identities is true where the API server serves CiliumIdentities.
	Identities bool
	// NodeConfigs is true where the API server serves CiliumNodeConfigs.
	NodeConfigs bool
	// ServiceCIDRs is true where the API server serves ServiceCIDRs.
	ServiceCIDRs bool
}

// A Gatherer reads a cluster. It is safe for concurrent use.
type Gatherer struct {
	// Reader is the manager's cache, with the indexes of AddIndexes.
	Reader client.Reader
	// Closures tell which baselines stand, beside what statuses and cache tell.
	// Nil means none.
	Closures Closures
	// Kinds guards against lists that are empty for no user's wish.
	Kinds    Kinds
	Settings Settings
	// Census keeps the number of identities between passes; nil counts at each.
	Census *Census
	// crowds are the identities that were counted last.
	crowds crowds
}

// A Gathering is what was gathered for one zone.
type Gathering struct {
	*snapshot.Snapshot
	// Near are the zones with which the zone's own members, or those of a zone
	// that conduits join to it, may be in conflict.
	Near []string
}

// Zone returns all that the compiler must know to compile a zone, which need
// not exist: then those who name it are to be told.
func (g *Gatherer) Zone(ctx context.Context, name string, now time.Time) (*Gathering, error) {
	s := g.newScope()
	if err := s.fill(ctx, name, g.Settings.Groups); err != nil {
		return nil, err
	}
	if err := g.Kinds.Check(ctx, name, s.listed()); err != nil {
		return nil, err
	}
	out := &snapshot.Snapshot{
		Now:        now,
		Catalogue:  g.Settings.Catalogue,
		Focus:      s.focus.sorted(),
		Devices:    s.declaredDevices(),
		Conduits:   s.declaredConduits(),
		OtherZones: s.names,
	}
	var err error
	if out.Zones, err = s.declaredZones(ctx); err != nil {
		return nil, err
	}
	if err := g.workloads(ctx, s, out); err != nil {
		return nil, err
	}
	return &Gathering{Snapshot: out, Near: s.near.sorted()}, g.cluster(ctx, out)
}
