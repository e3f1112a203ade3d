package gather

import (
	"context"
	"fmt"
	"maps"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
)

// zone returns a zone, or nil where there is none of that name. It is read once.
func (s *scope) zone(ctx context.Context, name string) (*medfencev1alpha1.DeviceZone, error) {
	if zone, known := s.known[name]; known {
		return zone, nil
	}
	zone := &medfencev1alpha1.DeviceZone{}
	err := s.reader.Get(ctx, client.ObjectKey{Name: name}, zone, client.UnsafeDisableDeepCopy)
	switch {
	case apierrors.IsNotFound(err):
		zone = nil
	case err != nil:
		return nil, fmt.Errorf("getting zone %s: %w", name, err)
	}
	s.known[name] = zone
	return zone, nil
}

// know takes in a zone that was found otherwise, and returns it as it was read
// first: one pass sees one version of each.
func (s *scope) know(zone *medfencev1alpha1.DeviceZone) *medfencev1alpha1.DeviceZone {
	if have := s.known[zone.Name]; have != nil {
		return have
	}
	s.known[zone.Name] = zone
	return zone
}

// zonesOf returns the zones with these UIDs, as far as they exist.
func (s *scope) zonesOf(ctx context.Context, uids []string) ([]*medfencev1alpha1.DeviceZone, error) {
	var out []*medfencev1alpha1.DeviceZone
	for _, uid := range distinct(uids) {
		found, err := zonesBy(ctx, s.reader, indexZoneUID, uid)
		if err != nil {
			return nil, err
		}
		out = append(out, found...)
	}
	return out, nil
}

// findZones takes in the zones that decide how those in scope stand: the ones that
// are near, those that their devices and conduits name, those whose policies name a
// group of the zone asked for, and all that these have an address or a namespace in
// common with, and so on: the longest prefix over all of them decides, and no zone
// beyond has any.
func (s *scope) findZones(ctx context.Context) error {
	todo := slices.Concat(s.near.sorted(), s.namers.sorted(), s.named().sorted())
	met := nameSet{}
	s.zones = map[string]*medfencev1alpha1.DeviceZone{}
	for ; len(todo) > 0; todo = todo[1:] {
		name := todo[0]
		if met[name] {
			continue
		}
		met.add(name)
		zone, err := s.zone(ctx, name)
		if err != nil {
			return err
		}
		if zone == nil {
			continue
		}
		s.zones[name] = zone
		if s.near[name] {
			continue // what it meets is near too
		}
		meeting, err := s.meeting(ctx, name, nil)
		if err != nil {
			return err
		}
		todo = append(todo, meeting...)
	}
	return s.findNames(ctx)
}

// named returns the zones that the devices and conduits in scope name.
func (s *scope) named() nameSet {
	out := nameSet{}
	for _, c := range s.conduits {
		out.add(ConduitZones(c)...)
	}
	for i := range s.devices {
		out.add(DeviceZones(&s.devices[i])...)
	}
	return out
}

// findNames takes in the names of all zones, if somebody names one that does not
// exist: he may have meant one of them.
func (s *scope) findNames(ctx context.Context) error {
	named := slices.Collect(maps.Keys(s.named()))
	if !slices.ContainsFunc(named, func(name string) bool { return s.zones[name] == nil }) {
		return nil
	}
	var list medfencev1alpha1.DeviceZoneList
	if err := s.reader.List(ctx, &list, client.UnsafeDisableDeepCopy); err != nil {
		return fmt.Errorf("listing zones: %w", err)
	}
	for i := range list.Items {
		s.names = append(s.names, list.Items[i].Name)
	}
	return nil
}

// Exists reports whether there is a zone with a UID.
func Exists(ctx context.Context, reader client.Reader, uid types.UID) (bool, error) {
	found, err := zonesBy(ctx, reader, indexZoneUID, string(uid))
	return len(found) > 0, err
}
