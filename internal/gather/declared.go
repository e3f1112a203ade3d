package gather

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/snapshot"
)

func (s *scope) declaredZones(ctx context.Context) ([]snapshot.Zone, error) {
	out := make([]snapshot.Zone, 0, len(s.zones))
	for _, name := range slices.Sorted(maps.Keys(s.zones)) {
		zone := snapshot.FromZone(s.zones[name])
		baselines, err := s.baselinesOf(ctx, zone.UID)
		if err != nil {
			return nil, err
		}
		zone.Closed = withBaselines(zone.Closed, baselines)
		out = append(out, zone)
	}
	return out, nil
}

// withBaselines adds namespaces in which a baseline stands that the status does
// not know of.
func withBaselines(closed []medfencev1alpha1.NamespaceStatus, baselines []string) []medfencev1alpha1.NamespaceStatus {
	out := slices.Clone(closed)
	for _, name := range baselines {
		i := slices.IndexFunc(out, func(n medfencev1alpha1.NamespaceStatus) bool { return n.Name == name })
		if i < 0 {
			out = append(out, medfencev1alpha1.NamespaceStatus{Name: name, Baseline: true})
			continue
		}
		out[i].Baseline = true
	}
	return out
}

func (s *scope) declaredDevices() []snapshot.Device {
	out := make([]snapshot.Device, 0, len(s.devices))
	for i := range s.devices {
		out = append(out, snapshot.FromDevice(&s.devices[i]))
	}
	slices.SortFunc(out, func(a, b snapshot.Device) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	return out
}

func (s *scope) declaredConduits() []snapshot.Conduit {
	out := make([]snapshot.Conduit, 0, len(s.conduits))
	for _, name := range slices.Sorted(maps.Keys(s.conduits)) {
		out = append(out, snapshot.FromConduit(s.conduits[name]))
	}
	return out
}

// listed returns the UIDs of all that is declared and not being deleted.
func (s *scope) listed() Listed {
	var out Listed
	add := func(list *[]string, o client.Object) {
		if o.GetDeletionTimestamp() == nil {
			*list = append(*list, string(o.GetUID()))
		}
	}
	for _, z := range s.zones {
		add(&out.Zones, z)
	}
	for _, c := range s.conduits {
		add(&out.Conduits, c)
	}
	for i := range s.devices {
		add(&out.Devices, &s.devices[i])
	}
	return out
}

// segmented reports whether a zone is a Device zone. The role is immutable.
func segmented(z *medfencev1alpha1.DeviceZone) bool {
	return z.Spec.Role == medfencev1alpha1.RoleDevice
}
