package gather

import (
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/snapshot"
)

// All returns all that is declared, with every pod and service, for a reader
// without indexes that asks once: the command line. The operator asks zone by
// zone.
func (g *Gatherer) All(ctx context.Context, now time.Time) (*snapshot.Snapshot, error) {
	s := g.newScope()
	if err := s.declared(ctx); err != nil {
		return nil, err
	}
	if err := g.Kinds.Check(ctx, "", s.listed()); err != nil {
		return nil, err
	}
	out := &snapshot.Snapshot{
		Now: now, Catalogue: g.Settings.Catalogue,
		Devices: s.declaredDevices(), Conduits: s.declaredConduits(),
	}
	var err error
	if out.Zones, err = s.declaredZones(ctx); err != nil {
		return nil, err
	}
	namespaces, err := s.allNamespaces(ctx)
	if err != nil {
		return nil, err
	}
	for i := range namespaces {
		out.Namespaces = append(out.Namespaces, snapshot.FromNamespace(&namespaces[i]))
	}
	if err := g.everywhere(ctx, out); err != nil {
		return nil, err
	}
	return out, g.cluster(ctx, out)
}

// declared reads every object of our kinds.
func (s *scope) declared(ctx context.Context) error {
	if err := s.askBaselines(ctx); err != nil {
		return err
	}
	var zones medfencev1alpha1.DeviceZoneList
	if err := s.reader.List(ctx, &zones); err != nil {
		return fmt.Errorf("listing zones: %w", err)
	}
	s.zones = make(map[string]*medfencev1alpha1.DeviceZone, len(zones.Items))
	for i := range zones.Items {
		zone := &zones.Items[i]
		s.zones[zone.Name] = zone
		s.baselines[string(zone.UID)] = slices.Clip(s.baselines[string(zone.UID)]) // known, if there is none
	}
	var conduits medfencev1alpha1.ConduitList
	if err := s.reader.List(ctx, &conduits); err != nil {
		return fmt.Errorf("listing conduits: %w", err)
	}
	for i := range conduits.Items {
		s.conduits[conduits.Items[i].Name] = &conduits.Items[i]
	}
	var devices medfencev1alpha1.MedicalDeviceList
	if err := s.reader.List(ctx, &devices); err != nil {
		return fmt.Errorf("listing devices: %w", err)
	}
	s.addDevices(devices.Items)
	return nil
}

// everywhere reads the pods and services of all namespaces, in one list each.
func (g *Gatherer) everywhere(ctx context.Context, out *snapshot.Snapshot) error {
	var pods corev1.PodList
	if err := g.Reader.List(ctx, &pods); err != nil {
		return fmt.Errorf("listing pods: %w", err)
	}
	for i := range pods.Items {
		if !snapshot.Ended(&pods.Items[i]) {
			out.Pods = append(out.Pods, snapshot.FromPod(&pods.Items[i]))
		}
	}
	var services corev1.ServiceList
	if err := g.Reader.List(ctx, &services); err != nil {
		return fmt.Errorf("listing services: %w", err)
	}
	for i := range services.Items {
		if len(services.Items[i].Spec.Selector) > 0 {
			out.Services = append(out.Services, snapshot.FromService(&services.Items[i]))
		}
	}
	return nil
}
