package gather

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/snapshot"
)

// All returns all that is declared, with every pod and service, for a reader
// without indexes that asks once: the command line. The operator asks zone by
// zone.
func (g *Gatherer) All(ctx context.Context, now time.Time) (*snapshot.Snapshot, error) {
	s := &scope{reader: g.Reader, seen: map[client.ObjectKey]bool{}, conduits: map[string]*medfencev1alpha1.Conduit{}, baselines: map[string][]string{}}
	if err := s.declared(ctx); err != nil {
		return nil, err
	}
	if err := g.Kinds.Check(ctx, "", s.listed()); err != nil {
		return nil, err
	}
	out := &snapshot.Snapshot{
		Now: now, Catalogue: g.Settings.Catalogue,
		Zones: s.declaredZones(), Devices: s.declaredDevices(), Conduits: s.declaredConduits(),
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
	for _, step := range []func(context.Context) error{s.findZones, s.askBaselines} {
		if err := step(ctx); err != nil {
			return err
		}
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
