package oracle

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"sync"
	"time"

	"github.com/cilium/cilium/pkg/clustermesh/types"
	"github.com/cilium/cilium/pkg/fqdn/dns"
	"github.com/cilium/cilium/pkg/identity"
	"github.com/cilium/cilium/pkg/ipcache"
	ipcachetypes "github.com/cilium/cilium/pkg/ipcache/types"
	ciliumv2 "github.com/cilium/cilium/pkg/k8s/apis/cilium.io/v2"
	"github.com/cilium/cilium/pkg/k8s/utils"
	"github.com/cilium/cilium/pkg/labels"
	"github.com/cilium/cilium/pkg/policy"
	"github.com/cilium/cilium/pkg/policy/api"
	policytypes "github.com/cilium/cilium/pkg/policy/types"
	"github.com/cilium/cilium/pkg/source"
	testidentity "github.com/cilium/cilium/pkg/testutils/identity"
)

// injectionTimeout is how long the ipcache may take over a world; it takes a
// few milliseconds.
const injectionTimeout = 30 * time.Second

// An addressBook knows the identities of addresses outside the cluster and of
// nodes. It is Cilium's own ipcache, told what the agent's watchers tell it.
type addressBook struct {
	cache      *ipcache.IPCache
	identities *identitySink
	updates    []ipcache.MU
}

// newAddressBook returns the book after the ipcache has given every prefix its
// labels, those of shorter prefixes included.
func newAddressBook(w World, s *sources, logger *slog.Logger) (*addressBook, error) {
	ctx, cancel := context.WithTimeout(context.Background(), injectionTimeout)
	defer cancel()
	sink := &identitySink{added: identity.ListReservedIdentities()}
	sink.added[identity.ReservedIdentityHost] = labels.LabelHost.LabelArray()
	book := &addressBook{identities: sink, cache: ipcache.NewIPCache(&ipcache.Configuration{
		Context:           ctx,
		Logger:            logger,
		IdentityAllocator: testidentity.NewMockIdentityAllocator(nil),
		IdentityUpdater:   sink,
	})}
	book.addPrefixes(s.entries)
	book.addGroups(s.groups)
	book.addEndpoints(w.Endpoints, s.entries)
	if len(book.updates) == 0 {
		return book, nil
	}
	revision := book.cache.UpsertMetadataBatch(book.updates...)
	if err := book.cache.WaitForRevision(ctx, revision); err != nil {
		return nil, fmt.Errorf("waiting for the ipcache: %w", err)
	}
	if err := book.cache.Shutdown(); err != nil {
		return nil, fmt.Errorf("stopping the ipcache: %w", err)
	}
	return book, nil
}

// addPrefixes adds the prefixes that policies name (pkg/policy/cell's
// importer).
func (b *addressBook) addPrefixes(entries map[ipcachetypes.ResourceID]policytypes.PolicyEntries) {
	for resource, list := range entries {
		for _, prefix := range policy.GetCIDRPrefixes(list) {
			b.upsert(prefix, resource, true, labels.GetCIDRLabels(prefix))
		}
	}
}

// addGroups adds the prefixes of CIDR groups (pkg/policy/k8s'
// cidrsAndLabelsForCIDRGroup). What is no prefix is skipped, as there.
func (b *addressBook) addGroups(groups []*ciliumv2.CiliumCIDRGroup) {
	for _, g := range groups {
		resource := ipcachetypes.NewResourceID(ipcachetypes.ResourceKindCIDRGroup, "", g.Name)
		for _, cidr := range g.Spec.ExternalCIDRs {
			prefix, err := netip.ParsePrefix(string(cidr))
			if err != nil {
				continue
			}
			lbls := groupLabels(g)
			lbls.AddWorldLabel(prefix.Addr())
			b.upsert(prefix, resource, false, lbls)
		}
	}
}

// groupLabels returns the labels that a group gives to its prefixes.
func groupLabels(g *ciliumv2.CiliumCIDRGroup) labels.Labels {
	lbls := labels.Labels{}
	for k, v := range utils.RemoveCiliumLabels(g.Labels) {
		l := labels.NewLabel(k, v, labels.LabelSourceCIDRGroup)
		lbls[l.Key] = l
		encoded := labels.EncodedCIDRGroupLabel(l.Key, l.Value, l.Source)
		lbls[encoded.Key] = encoded
	}
	ref := api.LabelForCIDRGroupRef(g.Name)
	lbls[ref.Key] = ref
	return lbls
}

// addEndpoints adds nodes, API servers and the addresses that names have
// resolved to.
func (b *addressBook) addEndpoints(endpoints []Endpoint, entries map[ipcachetypes.ResourceID]policytypes.PolicyEntries) {
	selectors := nameSelectors(entries)
	for _, e := range endpoints {
		for _, ip := range e.IPs {
			prefix := netip.PrefixFrom(ip.Unmap(), ip.Unmap().BitLen())
			if lbls := nodeLabels(e); len(lbls) > 0 {
				b.upsert(prefix, "node", false, lbls)
			}
			for _, name := range e.Names {
				if lbls := nameLabels(name, selectors); len(lbls) > 0 {
					b.upsert(prefix, ipcachetypes.ResourceID("fqdn-"+name), false, lbls)
				}
			}
		}
	}
}

// nodeLabels returns the reserved labels of a node and of an API server.
func nodeLabels(e Endpoint) labels.Labels {
	lbls := labels.Labels{}
	switch e.Kind {
	case Host:
		lbls.MergeLabels(labels.LabelHost)
	case RemoteNode:
		lbls.MergeLabels(labels.LabelRemoteNode)
	}
	if e.APIServer {
		lbls.MergeLabels(labels.LabelKubeAPIServer)
	}
	return lbls
}

// nameSelectors returns the toFQDNs selectors of all policies.
func nameSelectors(entries map[ipcachetypes.ResourceID]policytypes.PolicyEntries) []*api.FQDNSelector {
	var out []*api.FQDNSelector
	for _, list := range entries {
		for _, entry := range list {
			for _, peer := range entry.L3 {
				if s, ok := peer.GetFQDNSelector(); ok {
					out = append(out, s)
				}
			}
		}
	}
	return out
}

// nameLabels returns the labels that a name gives to its addresses
// (pkg/fqdn/namemanager's deriveLabelsForName).
func nameLabels(name string, selectors []*api.FQDNSelector) labels.Labels {
	lbls := labels.Labels{}
	for _, s := range selectors {
		if regex, err := s.ToRegex(); err == nil && regex.MatchString(dns.FQDN(name)) {
			l := s.IdentityLabel()
			lbls[l.Key] = l
		}
	}
	return lbls
}

func (b *addressBook) upsert(prefix netip.Prefix, resource ipcachetypes.ResourceID, isCIDR bool, lbls labels.Labels) {
	b.updates = append(b.updates, ipcache.MU{
		Prefix:   types.NewLocalPrefixCluster(prefix),
		Source:   source.Generated,
		Resource: resource,
		Metadata: []ipcache.IPMetadata{lbls},
		IsCIDR:   isCIDR,
	})
}

// lookup returns the identity that the datapath finds for an address: that of
// the longest prefix, else the world.
func (b *addressBook) lookup(ip netip.Addr) identity.NumericIdentity {
	if id, found := b.cache.LookupSecIDByIP(ip); found {
		return id.ID
	}
	if ip.Is4() {
		return identity.ReservedIdentityWorldIPv4
	}
	return identity.ReservedIdentityWorldIPv6
}

// An identitySink collects the identities that the ipcache allocates.
type identitySink struct {
	mu    sync.Mutex
	added identity.IdentityMap
}

// UpdateIdentities is called by the ipcache.
func (s *identitySink) UpdateIdentities(added, _ identity.IdentityMap) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.Copy(s.added, added)
	done := make(chan struct{})
	close(done)
	return done
}
