package controllers

import (
	"context"
	"maps"
	"reflect"
	"slices"

	ciliumv2 "github.com/cilium/cilium/pkg/k8s/apis/cilium.io/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/gather"
)

// A zoneMap finds the zones that an object concerns, by the cache's indexes. An
// error is logged, and the zones that were found are returned: the cache fails
// only when the operator stops.
type zoneMap struct {
	reader client.Reader
	// dns is the Service of the cluster's DNS.
	dns client.ObjectKey
	// waits and expected are what the passes of the zones leave for it.
	waits    *waits
	expected *expected
}

func newZoneMap(reader client.Reader, dns client.ObjectKey) zoneMap {
	return zoneMap{reader: reader, dns: dns, waits: newWaits(), expected: newExpected()}
}

// ofZone returns a zone and those whose members depend on it.
func (m zoneMap) ofZone(ctx context.Context, zone *medfencev1alpha1.DeviceZone) []string {
	names := append(m.joinedTo(ctx, zone.Name), zone.Name)
	names = append(names, m.movingFrom(ctx, zone.Name)...)
	for _, namespace := range gather.ZoneNamespaces(zone) {
		names = append(names, m.zones(ctx, gather.IndexZoneNamespace, namespace)...)
	}
	if len(gather.ZoneNamespaces(zone)) > 0 {
		names = append(names, m.zones(ctx, gather.IndexZoneTrait, gather.TraitSelector)...)
	}
	return append(names, m.meeting(ctx, zone)...)
}

// meeting returns the zones that have an address in common with a zone.
func (m zoneMap) meeting(ctx context.Context, zone *medfencev1alpha1.DeviceZone) []string {
	zones, err := gather.ZonesMeeting(ctx, m.reader, zone)
	return zoneNames(ctx, zones, err)
}

// ofDevice returns the zones that a device names. One with addresses also
// concerns the zones that share addresses with them: it may stand in the way of
// a prefix there.
func (m zoneMap) ofDevice(ctx context.Context, device *medfencev1alpha1.MedicalDevice) []string {
	names := gather.DeviceZones(device)
	if !addressed(device) {
		return names
	}
	for _, name := range slices.Clone(names) {
		zone := &medfencev1alpha1.DeviceZone{}
		if err := m.reader.Get(ctx, client.ObjectKey{Name: name}, zone, client.UnsafeDisableDeepCopy); err == nil {
			names = append(names, m.meeting(ctx, zone)...)
		}
	}
	return names
}

// ofConduit returns the zones that a conduit names.
func (m zoneMap) ofConduit(_ context.Context, conduit *medfencev1alpha1.Conduit) []string {
	return gather.ConduitZones(conduit)
}

// idleWithout returns the zones of a conduit that close nothing: when it is gone,
// no flow waits for them to end.
func (m zoneMap) idleWithout(ctx context.Context, conduit *medfencev1alpha1.Conduit) []string {
	return slices.DeleteFunc(gather.ConduitZones(conduit), func(name string) bool {
		zone := &medfencev1alpha1.DeviceZone{}
		err := m.reader.Get(ctx, client.ObjectKey{Name: name}, zone, client.UnsafeDisableDeepCopy)
		return err != nil || zone.Spec.Role == medfencev1alpha1.RoleDevice
	})
}

// ofNamespace returns the zones that list a namespace, and all that select
// namespaces.
func (m zoneMap) ofNamespace(ctx context.Context, o client.Object) []string {
	return append(m.zones(ctx, gather.IndexZoneNamespace, o.GetName()),
		m.zones(ctx, gather.IndexZoneTrait, gather.TraitSelector)...)
}

// ofWorkload returns the zones to which the namespace of a pod or a service
// belongs.
func (m zoneMap) ofWorkload(ctx context.Context, o client.Object) []string {
	return append(m.zones(ctx, gather.IndexZoneNamespace, o.GetNamespace()), m.selecting(ctx, o.GetNamespace())...)
}

// ofService returns the same for a service; that of the cluster's DNS concerns
// all.
func (m zoneMap) ofService(ctx context.Context, o client.Object) []string {
	if client.ObjectKeyFromObject(o) == m.dns {
		return m.all(ctx, o)
	}
	return m.ofWorkload(ctx, o)
}

// ofPolicy returns the zones that a policy or a CIDR group concerns: the one that
// it serves, those that wait for it, and those whose pods or conduits somebody
// else's may touch.
func (m zoneMap) ofPolicy(ctx context.Context, o client.Object) []string {
	names := m.waits.on(o)
	zone := o.GetLabels()[medfencev1alpha1.LabelZone]
	if zone != "" {
		names = append(names, zone)
	}
	switch {
	case o.GetNamespace() == "" && m.vouched(ctx, zone, o):
		return names
	case o.GetNamespace() == "":
		return m.all(ctx, o)
	}
	for _, home := range m.zones(ctx, gather.IndexZoneNamespace, o.GetNamespace()) {
		names = append(names, home)
		if zone == "" {
			names = append(names, m.joinedTo(ctx, home)...)
		}
	}
	if zone == "" {
		for _, home := range m.selecting(ctx, o.GetNamespace()) {
			names = append(append(names, home), m.joinedTo(ctx, home)...)
		}
	}
	return names
}

// vouched reports whether the zone that a cluster-scoped object names has it on
// record or is writing it (what bears its name and the zone's UID is the zone's,
// whoever made it), or will judge it and tell the others (see disguises). Labels
// can be forged: they may name a zone that does not exist, or one that judges
// nothing.
func (m zoneMap) vouched(ctx context.Context, name string, o client.Object) bool {
	zone := &medfencev1alpha1.DeviceZone{}
	if name == "" || m.reader.Get(ctx, client.ObjectKey{Name: name}, zone, client.UnsafeDisableDeepCopy) != nil {
		return false
	}
	if string(zone.UID) != o.GetAnnotations()[medfencev1alpha1.AnnotationZoneUID] {
		return false
	}
	if m.expected.has(name, o) {
		return true
	}
	inForce := &zone.Spec
	if a := zone.Status.Accepted; meta.IsStatusConditionFalse(zone.Status.Conditions, medfencev1alpha1.ConditionAccepted) {
		inForce = &medfencev1alpha1.DeviceZoneSpec{}
		if a != nil {
			inForce = &a.Spec
		}
	}
	return inForce.Enforcement == medfencev1alpha1.Enforce ||
		slices.ContainsFunc(zone.Status.Policies, func(ref medfencev1alpha1.PolicyReference) bool { return ref.UID == string(o.GetUID()) })
}

// all returns every zone.
func (m zoneMap) all(ctx context.Context, _ client.Object) []string {
	var names []string
	for _, zone := range m.list(ctx, "", "") {
		names = append(names, zone.Name)
	}
	return names
}

// movingFrom returns the zones between which the devices of a zone move: one
// whose new zone is refused stays in the old one.
func (m zoneMap) movingFrom(ctx context.Context, zone string) []string {
	var list medfencev1alpha1.MedicalDeviceList
	if err := m.reader.List(ctx, &list, client.MatchingFields{gather.IndexDeviceZone: zone}, client.UnsafeDisableDeepCopy); err != nil {
		log.FromContext(ctx).Error(err, "Could not map an event to zones")
		return nil
	}
	var names []string
	for i := range list.Items {
		if both := gather.DeviceZones(&list.Items[i]); len(both) > 1 {
			names = append(names, both...)
		}
	}
	return names
}

// joinedTo returns the zones that conduits join to a zone.
func (m zoneMap) joinedTo(ctx context.Context, zone string) []string {
	var list medfencev1alpha1.ConduitList
	if err := m.reader.List(ctx, &list, client.MatchingFields{gather.IndexConduitZone: zone}, client.UnsafeDisableDeepCopy); err != nil {
		log.FromContext(ctx).Error(err, "Could not map an event to zones")
		return nil
	}
	var names []string
	for i := range list.Items {
		names = append(names, gather.ConduitZones(&list.Items[i])...)
	}
	return names
}

// selecting returns the zones that select a namespace by its labels.
func (m zoneMap) selecting(ctx context.Context, namespace string) []string {
	zones, err := gather.ZonesSelecting(ctx, m.reader, namespace)
	return zoneNames(ctx, zones, err)
}

// zoneNames returns the names of zones that were looked up, and logs if that failed.
func zoneNames(ctx context.Context, zones []*medfencev1alpha1.DeviceZone, err error) []string {
	if err != nil {
		log.FromContext(ctx).Error(err, "Could not map an event to zones")
	}
	names := make([]string, 0, len(zones))
	for _, zone := range zones {
		names = append(names, zone.Name)
	}
	return names
}

func (m zoneMap) zones(ctx context.Context, index, value string) []string {
	list := m.list(ctx, index, value)
	names := make([]string, 0, len(list))
	for i := range list {
		names = append(names, list[i].Name)
	}
	return names
}

func (m zoneMap) list(ctx context.Context, index, value string) []medfencev1alpha1.DeviceZone {
	options := []client.ListOption{client.UnsafeDisableDeepCopy}
	if index != "" {
		options = append(options, client.MatchingFields{index: value})
	}
	var list medfencev1alpha1.DeviceZoneList
	if err := m.reader.List(ctx, &list, options...); err != nil {
		log.FromContext(ctx).Error(err, "Could not map an event to zones")
		return nil
	}
	return list.Items
}

// What of an update matters to the zones concerned. A change that nothing is
// compiled from wakes nobody.

func declaredChanged(was, is client.Object) bool {
	return was.GetUID() != is.GetUID() || was.GetGeneration() != is.GetGeneration() ||
		!was.GetDeletionTimestamp().Equal(is.GetDeletionTimestamp()) ||
		!maps.Equal(was.GetLabels(), is.GetLabels())
}

// unobserved reports whether an object that was looked at once has another spec
// by now.
func unobserved(o client.Object) bool {
	var seen int64
	switch o := o.(type) {
	case *medfencev1alpha1.DeviceZone:
		seen = o.Status.ObservedGeneration
	case *medfencev1alpha1.MedicalDevice:
		seen = o.Status.ObservedGeneration
	case *medfencev1alpha1.Conduit:
		seen = o.Status.ObservedGeneration
	}
	return seen > 0 && seen != o.GetGeneration()
}

func podChanged(was, is *corev1.Pod) bool {
	return was.UID != is.UID || !gather.SamePod(was, is)
}

func nodeChanged(was, is *corev1.Node) bool { return !gather.SameNode(was, is) }

func serviceChanged(was, is *corev1.Service) bool { return !reflect.DeepEqual(was.Spec, is.Spec) }

func configChanged(was, is *corev1.ConfigMap) bool { return !maps.Equal(was.Data, is.Data) }

func nodeConfigChanged(was, is *ciliumv2.CiliumNodeConfig) bool {
	return !gather.SameNodeConfig(was, is)
}

func namespaceChanged(was, is client.Object) bool {
	return was.GetUID() != is.GetUID() || !was.GetDeletionTimestamp().Equal(is.GetDeletionTimestamp()) ||
		!maps.Equal(was.GetLabels(), is.GetLabels())
}

func crdChanged(was, is client.Object) bool {
	return was.GetUID() != is.GetUID() || !was.GetDeletionTimestamp().Equal(is.GetDeletionTimestamp())
}

func generationChanged(was, is client.Object) bool {
	return was.GetGeneration() != is.GetGeneration()
}

func versionChanged(was, is client.Object) bool {
	return was.GetResourceVersion() != is.GetResourceVersion()
}

// What was accepted is our own doing and seldom changes a result: there is no
// hurry.

func zoneSettled(was, is *medfencev1alpha1.DeviceZone) bool {
	return !reflect.DeepEqual(was.Status.Accepted, is.Status.Accepted) ||
		!reflect.DeepEqual(was.Status.Namespaces, is.Status.Namespaces)
}

func deviceSettled(was, is *medfencev1alpha1.MedicalDevice) bool {
	return !reflect.DeepEqual(was.Status.Accepted, is.Status.Accepted)
}

// deviceWithin reports whether a device concerns no zone that its next version does
// not (see ofDevice).
func deviceWithin(was, is *medfencev1alpha1.MedicalDevice) bool {
	return (!addressed(was) || addressed(is)) && len(without(gather.DeviceZones(was), gather.DeviceZones(is))) == 0
}

// addressed reports whether a device has addresses, in its spec or in the accepted
// one.
func addressed(device *medfencev1alpha1.MedicalDevice) bool {
	a := device.Status.Accepted
	return len(device.Spec.Addresses) > 0 || a != nil && len(a.Spec.Addresses) > 0
}

func conduitSettled(was, is *medfencev1alpha1.Conduit) bool {
	return !reflect.DeepEqual(was.Status.Accepted, is.Status.Accepted)
}
