package gather

import (
	"context"
	"fmt"
	"slices"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
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
	// indexBaseline finds the NetworkPolicies that are baselines of ours.
	indexBaseline = "medfence.io/baseline"
)

// The traits of a zone, for IndexZoneTrait.
const (
	// TraitSelector: the zone selects namespaces by their labels.
	TraitSelector = "selector"
	// TraitCIDRs: the zone has addresses.
	TraitCIDRs = "cidrs"
)

// AddIndexes adds the indexes that the gatherer, and those who map events to
// zones, read.
func AddIndexes(ctx context.Context, indexer client.FieldIndexer) error {
	for _, index := range []struct {
		kind  client.Object
		field string
		keys  client.IndexerFunc
	}{
		{&medfencev1alpha1.MedicalDevice{}, IndexDeviceZone, by(DeviceZones)},
		{&medfencev1alpha1.Conduit{}, IndexConduitZone, by(ConduitZones)},
		{&medfencev1alpha1.DeviceZone{}, IndexZoneNamespace, by(ZoneNamespaces)},
		{&medfencev1alpha1.DeviceZone{}, IndexZoneTrait, by(ZoneTraits)},
		{newNetworkPolicy(), indexBaseline, by(baselines)},
	} {
		if err := indexer.IndexField(ctx, index.kind, index.field, index.keys); err != nil {
			return fmt.Errorf("indexing %s: %w", index.field, err)
		}
	}
	return nil
}

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
		if len(spec.Members.CIDRs) > 0 {
			traits = append(traits, TraitCIDRs)
		}
	}
	return distinct(traits)
}

// baselines marks baselines of ours.
func baselines(o *unstructured.Unstructured) []string {
	labels := o.GetLabels()
	if labels[medfencev1alpha1.LabelManagedBy] != medfencev1alpha1.ManagedBy || labels[medfencev1alpha1.LabelComponent] != componentBaseline {
		return nil
	}
	return []string{componentBaseline}
}

// newNetworkPolicy returns an empty NetworkPolicy, as the cache keeps them.
func newNetworkPolicy() *unstructured.Unstructured {
	o := &unstructured.Unstructured{}
	o.SetGroupVersionKind(networkingv1.SchemeGroupVersion.WithKind("NetworkPolicy"))
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
