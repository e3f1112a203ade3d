package gather

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
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
	// ServiceCIDRs is true where the API server serves ServiceCIDRs.
	ServiceCIDRs bool
}

// A Gatherer reads a cluster. It is safe for concurrent use.
type Gatherer struct {
	// Reader is the manager's cache, with the indexes of AddIndexes.
	Reader client.Reader
	// Kinds guards against lists that are empty for no user's wish.
	Kinds    Kinds
	Settings Settings
}

// Zone returns all that the compiler must know to compile a zone, which need
// not exist: then those who name it are to be told.
func (g *Gatherer) Zone(ctx context.Context, name string, now time.Time) (*snapshot.Snapshot, error) {
	s := &scope{reader: g.Reader, zones: map[string]*medfencev1alpha1.DeviceZone{}}
	if err := s.fill(ctx, name); err != nil {
		return nil, err
	}
	if err := g.Kinds.Check(ctx, name, s.uids()); err != nil {
		return nil, err
	}
	out := &snapshot.Snapshot{
		Now:       now,
		Catalogue: g.Settings.Catalogue,
		Focus:     s.focus.sorted(),
		Zones:     s.declaredZones(),
		Devices:   s.declaredDevices(),
		Conduits:  s.declaredConduits(),
	}
	if err := g.workloads(ctx, s, out); err != nil {
		return nil, err
	}
	if err := g.cluster(ctx, out); err != nil {
		return nil, err
	}
	return out, g.hints(ctx, s, out)
}

// hints adds the names of all zones where somebody names one that does not
// exist.
func (g *Gatherer) hints(ctx context.Context, s *scope, out *snapshot.Snapshot) error {
	if !s.namesUnknown {
		return nil
	}
	var zones medfencev1alpha1.DeviceZoneList
	if err := g.Reader.List(ctx, &zones, client.UnsafeDisableDeepCopy); err != nil {
		return fmt.Errorf("listing zones: %w", err)
	}
	names := nameSet{}
	for i := range zones.Items {
		names.add(zones.Items[i].Name)
	}
	out.OtherZones = names.sorted()
	return nil
}
