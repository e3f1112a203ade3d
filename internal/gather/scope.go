package gather

import (
	"context"
	"fmt"
	"maps"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/snapshot"
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
	reader   client.Reader
	closures Closures

	// focus are the zones whose results are wanted: the one asked for, and those
	// that its devices come from or go to.
	focus nameSet
	// grouped is true where addresses are written as groups, and heirs are the
	// zones to which addresses go that a group of the zone asked for still holds.
	grouped bool
	heirs   nameSet
	// namers are the zones whose policies still name a group of the zone asked for,
	// whatever conduits say by now.
	namers nameSet
	// joined are the focus, the heirs, and the zones that conduits join to them.
	joined nameSet
	// near are the zones whose devices and pods matter, whether or not they
	// exist.
	near nameSet
	// zones are all that decide how those stand, and names those of all zones,
	// if one that is named does not exist.
	zones map[string]*medfencev1alpha1.DeviceZone
	names []string

	conduits map[string]*medfencev1alpha1.Conduit
	devices  []medfencev1alpha1.MedicalDevice
	seen     map[client.ObjectKey]bool

	// What was read already: zones by name, nil for one that does not exist; the
	// namespaces in which a zone's baseline stands, by the zone's UID; the zones to
	// which a namespace may belong; all namespaces, which are read only where a zone
	// selects some.
	known      map[string]*medfencev1alpha1.DeviceZone
	baselines  map[string][]string
	holders    map[string][]string
	namespaces []metav1.PartialObjectMetadata
}

func (g *Gatherer) newScope() *scope {
	s := &scope{
		reader: g.Reader, closures: g.Closures, grouped: g.Settings.Target == snapshot.Cilium,
		seen: map[client.ObjectKey]bool{}, conduits: map[string]*medfencev1alpha1.Conduit{},
		known: map[string]*medfencev1alpha1.DeviceZone{}, baselines: map[string][]string{}, holders: map[string][]string{},
	}
	if s.closures == nil {
		s.closures = none{}
	}
	return s
}

func (s *scope) fill(ctx context.Context, name string, groups bool) error {
	for _, step := range []func(context.Context) error{
		func(ctx context.Context) error { return s.findFocus(ctx, name) },
		func(ctx context.Context) error { return s.findMoving(ctx, name, groups) },
		s.findConduits,
		s.findNear,
		s.findZones,
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

// findNear finds the zones whose devices and pods matter: those that are joined,
// those that have an address or a namespace in common with one of them or an
// address of its devices, and theirs in turn. A conflict between two of them
// decides what the others hold.
func (s *scope) findNear(ctx context.Context) error {
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
		meeting, err := s.meeting(ctx, zone, devices)
		if err != nil {
			return err
		}
		todo = append(todo, meeting...)
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
