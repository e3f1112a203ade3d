package gather

import (
	"context"
	"fmt"
	"maps"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
)

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
	// joined are the focus and the zones that conduits join to it.
	joined nameSet
	// zones are those that exist of all that are named, and those whose prefixes
	// or namespaces meet theirs.
	zones map[string]*medfencev1alpha1.DeviceZone
	// near are the zones whose devices matter.
	near nameSet
	// namesUnknown is true when somebody names a zone that does not exist.
	namesUnknown bool

	conduits map[string]*medfencev1alpha1.Conduit
	devices  []medfencev1alpha1.MedicalDevice
	// namespaces are all that exist; read only where a zone selects some.
	namespaces []metav1.PartialObjectMetadata
}

func (s *scope) fill(ctx context.Context, name string) error {
	for _, step := range []func(context.Context) error{
		func(ctx context.Context) error { return s.findFocus(ctx, name) },
		s.findConduits,
		s.findZones,
		s.findNeighbours,
		s.findDevices,
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
	for _, zone := range s.focus.sorted() {
		if err := s.addConduits(ctx, zone); err != nil {
			return err
		}
	}
	for _, c := range s.conduits {
		s.joined.add(ConduitZones(c)...)
	}
	for _, zone := range s.joined.sorted() {
		if s.focus[zone] {
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

// findZones fetches every zone that is named.
func (s *scope) findZones(ctx context.Context) error {
	named := maps.Clone(s.joined)
	for _, c := range s.conduits {
		named.add(ConduitZones(c)...)
	}
	for _, name := range named.sorted() {
		zone := &medfencev1alpha1.DeviceZone{}
		err := s.reader.Get(ctx, client.ObjectKey{Name: name}, zone, client.UnsafeDisableDeepCopy)
		if apierrors.IsNotFound(err) {
			s.namesUnknown = true
			continue
		}
		if err != nil {
			return fmt.Errorf("getting zone %s: %w", name, err)
		}
		s.zones[name] = zone
	}
	return nil
}

// findNeighbours adds the zones whose prefixes or namespaces meet those of a
// zone in scope, and theirs in turn: a conflict between two of them decides what
// the others hold.
func (s *scope) findNeighbours(ctx context.Context) error {
	others, err := s.zonesWith(ctx, IndexZoneTrait, TraitCIDRs)
	if err != nil {
		return err
	}
	byPrefix := newMeeting(others)
	s.near = maps.Clone(s.joined)
	for todo := slices.Sorted(maps.Keys(s.zones)); len(todo) > 0; todo = todo[1:] {
		zone := s.zones[todo[0]]
		met := byPrefix.with(zone)
		if len(met) > 0 {
			s.near.add(zone.Name)
		}
		namespaces, err := s.namespacesOf(ctx, zone)
		if err != nil {
			return err
		}
		for _, namespace := range namespaces {
			sharing, err := s.zonesWith(ctx, IndexZoneNamespace, namespace)
			if err != nil {
				return err
			}
			met = append(met, sharing...)
		}
		for _, other := range met {
			s.near.add(other.Name)
			if s.zones[other.Name] == nil {
				s.zones[other.Name] = other
				todo = append(todo, other.Name)
			}
		}
	}
	return nil
}

func (s *scope) zonesWith(ctx context.Context, index, value string) ([]*medfencev1alpha1.DeviceZone, error) {
	var list medfencev1alpha1.DeviceZoneList
	if err := s.reader.List(ctx, &list, client.MatchingFields{index: value}, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("listing zones by %s: %w", index, err)
	}
	out := make([]*medfencev1alpha1.DeviceZone, 0, len(list.Items))
	for i := range list.Items {
		out = append(out, &list.Items[i])
	}
	return out, nil
}

func (s *scope) devicesOf(ctx context.Context, zone string) ([]medfencev1alpha1.MedicalDevice, error) {
	var list medfencev1alpha1.MedicalDeviceList
	if err := s.reader.List(ctx, &list, client.MatchingFields{IndexDeviceZone: zone}, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("listing the devices of zone %s: %w", zone, err)
	}
	return list.Items, nil
}

// findDevices lists the devices of all zones near the focus, each once.
func (s *scope) findDevices(ctx context.Context) error {
	seen := map[client.ObjectKey]bool{}
	for _, zone := range s.near.sorted() {
		devices, err := s.devicesOf(ctx, zone)
		if err != nil {
			return err
		}
		for i := range devices {
			key := client.ObjectKeyFromObject(&devices[i])
			if !seen[key] {
				seen[key] = true
				s.devices = append(s.devices, devices[i])
			}
		}
	}
	return nil
}
