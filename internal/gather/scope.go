package gather

import (
	"context"
	"fmt"
	"maps"
	"slices"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
)

// componentBaseline is the value of LabelComponent on a baseline.
const componentBaseline = "baseline"

// A nameSet is a set of names.
type nameSet map[string]bool

func (s nameSet) add(names ...string) {
	for _, n := range names {
		s[n] = true
	}
}

func (s nameSet) sorted() []string { return slices.Sorted(maps.Keys(s)) }

// A scope is what people declared, as far as it bears upon one zone.
type scope struct {
	reader client.Reader

	// focus are the zones whose results are wanted: the one asked for, and those
	// that its devices come from or go to.
	focus nameSet
	// grouped is true where addresses are written as groups, and heirs are the
	// zones to which addresses go that a group of the zone asked for still holds.
	grouped bool
	heirs   nameSet
	// joined are the focus, the heirs, and the zones that conduits join to them.
	joined nameSet
	// zones are all zones.
	zones map[string]*medfencev1alpha1.DeviceZone
	// near are the zones whose devices and pods matter, whether or not they
	// exist.
	near nameSet

	conduits map[string]*medfencev1alpha1.Conduit
	devices  []medfencev1alpha1.MedicalDevice
	seen     map[client.ObjectKey]bool
	// baselines are the namespaces in which a zone's baseline stands, by the
	// zone's UID.
	baselines map[string][]string
	// namespaces are all that exist; read only where a zone selects some.
	namespaces []metav1.PartialObjectMetadata
}

func (s *scope) fill(ctx context.Context, name string) error {
	for _, step := range []func(context.Context) error{
		func(ctx context.Context) error { return s.findFocus(ctx, name) },
		s.findZones,
		func(ctx context.Context) error { return s.findHeirs(ctx, name) },
		s.findConduits,
		s.findBaselines,
		s.findNear,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// findFocus follows devices that are moving from zone to zone.
func (s *scope) findFocus(ctx context.Context, name string) error {
	s.focus = nameSet{name: true}
	for todo := []string{name}; len(todo) > 0; todo = todo[1:] {
		devices, err := s.devicesOf(ctx, todo[0])
		if err != nil {
			return err
		}
		for i := range devices {
			for _, n := range DeviceZones(&devices[i]) {
				if !s.focus[n] {
					s.focus.add(n)
					todo = append(todo, n)
				}
			}
		}
	}
	return nil
}

// findConduits finds the conduits of the focus, and those of the zones that
// they join to it: which addresses share a group depends on both.
func (s *scope) findConduits(ctx context.Context) error {
	s.conduits = map[string]*medfencev1alpha1.Conduit{}
	s.joined = maps.Clone(s.focus)
	s.joined.add(s.heirs.sorted()...)
	nearest := maps.Clone(s.joined)
	for _, zone := range nearest.sorted() {
		if err := s.addConduits(ctx, zone); err != nil {
			return err
		}
	}
	for _, c := range s.conduits {
		s.joined.add(ConduitZones(c)...)
	}
	for _, zone := range s.joined.sorted() {
		if nearest[zone] {
			continue
		}
		if err := s.addConduits(ctx, zone); err != nil {
			return err
		}
	}
	return nil
}

func (s *scope) addConduits(ctx context.Context, zone string) error {
	var list medfencev1alpha1.ConduitList
	if err := s.reader.List(ctx, &list, client.MatchingFields{IndexConduitZone: zone}, client.UnsafeDisableDeepCopy); err != nil {
		return fmt.Errorf("listing the conduits of zone %s: %w", zone, err)
	}
	for i := range list.Items {
		s.conduits[list.Items[i].Name] = &list.Items[i]
	}
	return nil
}

// findZones takes in all zones: the longest prefix over all of them decides, and
// they are few.
func (s *scope) findZones(ctx context.Context) error {
	var list medfencev1alpha1.DeviceZoneList
	if err := s.reader.List(ctx, &list, client.UnsafeDisableDeepCopy); err != nil {
		return fmt.Errorf("listing zones: %w", err)
	}
	s.zones = make(map[string]*medfencev1alpha1.DeviceZone, len(list.Items))
	for i := range list.Items {
		s.zones[list.Items[i].Name] = &list.Items[i]
	}
	return nil
}

// findBaselines finds the namespaces that zones keep closed by the baselines
// that stand, beside those that are known. The status says so too, but it is
// written later: an operator may have died in between.
func (s *scope) findBaselines(ctx context.Context) error {
	return s.listBaselines(ctx, client.MatchingFields{indexBaseline: componentBaseline})
}

// askBaselines is findBaselines for a reader that has no indexes.
func (s *scope) askBaselines(ctx context.Context) error {
	return s.listBaselines(ctx, client.MatchingLabels{
		medfencev1alpha1.LabelManagedBy: medfencev1alpha1.ManagedBy,
		medfencev1alpha1.LabelComponent: componentBaseline,
	})
}

func (s *scope) listBaselines(ctx context.Context, which client.ListOption) error {
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(networkingv1.SchemeGroupVersion.WithKind("NetworkPolicyList"))
	if err := s.reader.List(ctx, list, which, client.UnsafeDisableDeepCopy); err != nil {
		return fmt.Errorf("listing baselines: %w", err)
	}
	for i := range list.Items {
		uid := list.Items[i].GetAnnotations()[medfencev1alpha1.AnnotationZoneUID]
		s.baselines[uid] = append(slices.Clip(s.baselines[uid]), list.Items[i].GetNamespace())
	}
	return nil
}

// findNear finds the zones whose devices and pods matter: those that are joined,
// those that have an address or a namespace in common with one of them or an
// address of its devices, and theirs in turn. A conflict between two of them
// decides what the others hold.
func (s *scope) findNear(ctx context.Context) error {
	meetings, err := s.newMeetings(ctx)
	if err != nil {
		return err
	}
	s.near = nameSet{}
	todo := s.joined.sorted()
	for len(todo) > 0 {
		zone := todo[0]
		todo = todo[1:]
		if s.near[zone] {
			continue
		}
		s.near.add(zone)
		devices, err := s.devicesOf(ctx, zone)
		if err != nil {
			return err
		}
		s.addDevices(devices)
		todo = append(todo, meetings.with(zone)...)
		todo = append(todo, meetings.around(devices)...)
	}
	return nil
}

// addDevices adds devices, each once: one that moves is found in two zones.
func (s *scope) addDevices(devices []medfencev1alpha1.MedicalDevice) {
	for i := range devices {
		key := client.ObjectKeyFromObject(&devices[i])
		if !s.seen[key] {
			s.seen[key] = true
			s.devices = append(s.devices, devices[i])
		}
	}
}

func (s *scope) devicesOf(ctx context.Context, zone string) ([]medfencev1alpha1.MedicalDevice, error) {
	var list medfencev1alpha1.MedicalDeviceList
	if err := s.reader.List(ctx, &list, client.MatchingFields{IndexDeviceZone: zone}, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("listing the devices of zone %s: %w", zone, err)
	}
	return list.Items, nil
}
