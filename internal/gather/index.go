package gather

import (
	"context"
	"fmt"
	"maps"
	"slices"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/cidrgroup"
)

// The indexes of the cache. Each covers the current spec and the last accepted
// one, since either may be in force.
const (
	// IndexDeviceZone finds MedicalDevices by the name of their zone.
	IndexDeviceZone = "medfence.io/device-zone"
	// IndexConduitZone finds Conduits by the name of a zone that they join.
	IndexConduitZone = "medfence.io/conduit-zone"
	// IndexZoneNamespace finds DeviceZones by a namespace that they list, keep
	// closed, or take inventory from.
	IndexZoneNamespace = "medfence.io/zone-namespace"
	// IndexZoneTrait finds DeviceZones that have a trait.
	IndexZoneTrait = "medfence.io/zone-trait"
	// indexZonePrefix finds DeviceZones by their addresses (see zonesOver).
	indexZonePrefix = "medfence.io/zone-prefix"
	// indexZoneUID finds a DeviceZone by its UID.
	indexZoneUID = "medfence.io/zone-uid"
	// indexRecord finds DeviceZones by the UIDs of the objects that their statuses
	// have on record.
	indexRecord = "medfence.io/record"
	// indexBaseline finds the NetworkPolicies that are baselines of ours: all, by
	// componentBaseline, and those of a zone, by its UID.
	indexBaseline = "medfence.io/baseline"
	// indexGroupZone finds the CiliumCIDRGroups of ours by the name of their zone.
	indexGroupZone = "medfence.io/group-zone"
	// indexNamed finds Cilium policies of ours by the groups that they name.
	indexNamed = "medfence.io/named-group"
)

// TraitSelector is the trait of a zone that selects namespaces by their labels, for
// IndexZoneTrait.
const TraitSelector = "selector"

// AddIndexes adds the indexes that the gatherer, and those who map events to
// zones, read, with or without Cilium's kinds.
func AddIndexes(ctx context.Context, indexer client.FieldIndexer, withCilium bool) error {
	type index struct {
		kind  client.Object
		field string
		keys  client.IndexerFunc
	}
	indexes := []index{
		{&medfencev1alpha1.MedicalDevice{}, IndexDeviceZone, by(DeviceZones)},
		{&medfencev1alpha1.Conduit{}, IndexConduitZone, by(ConduitZones)},
		{&medfencev1alpha1.DeviceZone{}, IndexZoneNamespace, by(ZoneNamespaces)},
		{&medfencev1alpha1.DeviceZone{}, IndexZoneTrait, by(ZoneTraits)},
		{&medfencev1alpha1.DeviceZone{}, indexZonePrefix, by(zoneAddresses)},
		{&medfencev1alpha1.DeviceZone{}, indexZoneUID, func(o client.Object) []string { return []string{string(o.GetUID())} }},
		{&medfencev1alpha1.DeviceZone{}, indexRecord, by(recordOf)},
		{newPolicy(networkPolicyKind), indexBaseline, by(baselines)},
	}
	if withCilium {
		indexes = append(indexes, index{newPolicy(ciliumVersion.WithKind("CiliumCIDRGroup")), indexGroupZone, by(groupZone)})
		for _, kind := range namingKinds {
			indexes = append(indexes, index{newPolicy(kind), indexNamed, by(namedGroups)})
		}
	}
	for _, index := range indexes {
		if err := indexer.IndexField(ctx, index.kind, index.field, index.keys); err != nil {
			return fmt.Errorf("indexing %s: %w", index.field, err)
		}
	}
	return nil
}

// networkPolicyKind is the kind of baselines, and namingKinds are those of Cilium
// policies.
var (
	networkPolicyKind = networkingv1.SchemeGroupVersion.WithKind("NetworkPolicy")
	namingKinds       = []schema.GroupVersionKind{
		ciliumVersion.WithKind("CiliumNetworkPolicy"), ciliumVersion.WithKind("CiliumClusterwideNetworkPolicy"),
	}
)

// DeviceZones returns the names of the zones that a device names.
func DeviceZones(d *medfencev1alpha1.MedicalDevice) []string {
	names := []string{d.Spec.Zone}
	if d.Status.Accepted != nil {
		names = append(names, d.Status.Accepted.Spec.Zone)
	}
	return distinct(names)
}

// ConduitZones returns the names of the zones that a conduit joins.
func ConduitZones(c *medfencev1alpha1.Conduit) []string {
	names := slices.Concat(c.Spec.From.Zones, c.Spec.To.Zones)
	if a := c.Status.Accepted; a != nil {
		names = slices.Concat(names, a.Spec.From.Zones, a.Spec.To.Zones)
	}
	return distinct(names)
}

// ZoneNamespaces returns the namespaces that a zone lists, keeps closed, or
// takes inventory from.
func ZoneNamespaces(z *medfencev1alpha1.DeviceZone) []string {
	var names []string
	for _, spec := range zoneSpecs(z) {
		names = slices.Concat(names, spec.Members.Namespaces, spec.Members.InventoryNamespaces)
	}
	for _, n := range z.Status.Namespaces {
		names = append(names, n.Name)
	}
	return distinct(names)
}

// ZoneTraits returns the traits of a zone.
func ZoneTraits(z *medfencev1alpha1.DeviceZone) []string {
	var traits []string
	for _, spec := range zoneSpecs(z) {
		if spec.Members.NamespaceSelector != nil {
			traits = append(traits, TraitSelector)
		}
	}
	return distinct(traits)
}

// recordOf returns the UIDs of the objects that a zone has on record.
func recordOf(z *medfencev1alpha1.DeviceZone) []string {
	out := make([]string, 0, len(z.Status.Policies))
	for _, ref := range z.Status.Policies {
		out = append(out, ref.UID)
	}
	return distinct(out)
}

func isOurs(o client.Object) bool {
	return o.GetLabels()[medfencev1alpha1.LabelManagedBy] == medfencev1alpha1.ManagedBy
}

// baselines marks baselines of ours.
func baselines(o *unstructured.Unstructured) []string {
	if !isOurs(o) || o.GetLabels()[medfencev1alpha1.LabelComponent] != componentBaseline {
		return nil
	}
	return distinct([]string{componentBaseline, ownerOf(o)})
}

// groupZone returns the name of the zone of a group of ours.
func groupZone(o *unstructured.Unstructured) []string {
	if !isOurs(o) {
		return nil
	}
	return distinct([]string{o.GetLabels()[medfencev1alpha1.LabelZone]})
}

// namedGroups returns the groups that a policy of ours names.
func namedGroups(o *unstructured.Unstructured) []string {
	if !isOurs(o) {
		return nil
	}
	return slices.Collect(maps.Keys(cidrgroup.Named(o.Object)))
}

// newPolicy returns an empty object without a type, as the cache keeps policies
// and groups.
func newPolicy(kind schema.GroupVersionKind) *unstructured.Unstructured {
	o := &unstructured.Unstructured{}
	o.SetGroupVersionKind(kind)
	return o
}

// zoneSpecs returns the specs of a zone that may be in force.
func zoneSpecs(z *medfencev1alpha1.DeviceZone) []*medfencev1alpha1.DeviceZoneSpec {
	specs := []*medfencev1alpha1.DeviceZoneSpec{&z.Spec}
	if z.Status.Accepted != nil {
		specs = append(specs, &z.Status.Accepted.Spec)
	}
	return specs
}

// distinct sorts names and drops the empty ones and repetitions.
func distinct(names []string) []string {
	slices.Sort(names)
	names = slices.Compact(names)
	if len(names) > 0 && names[0] == "" {
		return names[1:]
	}
	return names
}

// by makes an index over objects of one kind.
func by[T client.Object](keys func(T) []string) client.IndexerFunc {
	return func(o client.Object) []string {
		object, ok := o.(T)
		if !ok {
			return nil
		}
		return keys(object)
	}
}
