package gather_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/medfence/medfence/internal/gather"
	"github.com/medfence/medfence/internal/gather/gathertest"
	"github.com/medfence/medfence/internal/snapshot"
)

func identities(namespace string, n int) []client.Object {
	var out []client.Object
	for i := range n {
		o := gather.NewIdentity()
		o.Name = fmt.Sprint(namespace, i)
		o.Labels = map[string]string{"io.kubernetes.pod.namespace": namespace}
		out = append(out, o)
	}
	return out
}

func TestTheCrowdIsCountedByNamespaceAndRoundedUp(t *testing.T) {
	served := settings
	served.Identities = true
	got, err := look(t, served, append(identities("icu", 17), identities("ehr", 1)...)...)
	if err != nil {
		t.Fatal(err)
	}
	want := &snapshot.Crowd{Pods: []snapshot.NamespaceCount{{Namespace: "ehr", Count: 16}, {Namespace: "icu", Count: 32}}}
	if diff := cmp.Diff(want, got.Target.Crowd); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A guard close to its budget must not be exact and coarse in turn while pods
// come and go, as in any rolling update.
func TestACountFollowsUpAtOnceAndDownLate(t *testing.T) {
	memory, err := gathertest.New(&snapshot.Snapshot{})
	if err != nil {
		t.Fatal(err)
	}
	served := settings
	served.Identities = true
	g := &gather.Gatherer{Reader: memory, Kinds: gathertest.Trusting{}, Settings: served}
	for i, step := range []struct{ there, want int }{
		{1000, 1008}, {1008, 1008}, {1009, 1024}, {1000, 1024}, {1010, 1024}, {990, 1024}, {1200, 1200}, {1100, 1200}, {961, 1200}, {940, 944}, {950, 960},
		{0, 0}, {1000, 1008}, {500, 512}, {16, 16}, {15, 16}, {17, 32}, {16, 16},
	} {
		memory.Objects = append(identities("icu", step.there), identities("ehr", 1)...)
		out, err := g.Zone(t.Context(), "none", time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		got := 0
		for _, n := range out.Target.Crowd.Pods {
			if n.Namespace == "icu" {
				got = n.Count
			}
		}
		if got != step.want {
			t.Errorf("step %d: %d identities are taken for %d, want %d", i, step.there, got, step.want)
		}
	}
}

func TestNoIdentitiesAreUnknownAndNotNone(t *testing.T) {
	served := settings
	served.Identities = true
	for name, s := range map[string]gather.Settings{"none there": served, "none served": settings} {
		got, err := look(t, s)
		if err != nil || got.Target.Crowd != nil {
			t.Errorf("%s: %v, %v", name, got.Target.Crowd, err)
		}
	}
}

func TestAPolicyMapTakesWhatCiliumsSettingsSay(t *testing.T) {
	for text, want := range map[string]int{"": 16384, "65536": 65536} {
		got, err := look(t, settings, ciliumConfig(map[string]string{"bpf-policy-map-max": text}))
		if err != nil || got.Target.MapMax != want {
			t.Errorf("%q: %d, %v, want %d", text, got.Target.MapMax, err, want)
		}
	}
	for _, text := range []string{"many", "-1", "0"} {
		_, err := look(t, settings, ciliumConfig(map[string]string{"bpf-policy-map-max": text}))
		if _, unknown := gather.AsUnknown(err); !unknown {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestIdentitiesAreCountedAgainOnlyWhenSomebodySaysSo(t *testing.T) {
	memory, err := gathertest.New(&snapshot.Snapshot{})
	if err != nil {
		t.Fatal(err)
	}
	served := settings
	served.Identities = true
	g := &gather.Gatherer{Reader: memory, Kinds: gathertest.Trusting{}, Settings: served, Census: &gather.Census{}}
	pods := func() int {
		t.Helper()
		out, err := g.Zone(t.Context(), "none", time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		if out.Target.Crowd == nil {
			return 0
		}
		return out.Target.Crowd.Pods[0].Count
	}
	for i, step := range []struct {
		there  int
		forget bool
		want   int
	}{{16, false, 16}, {64, false, 16}, {64, true, 64}, {200, false, 64}, {0, true, 0}, {16, false, 0}, {16, true, 16}} {
		memory.Objects = identities("icu", step.there)
		if step.forget {
			g.Census.Forget()
		}
		if got := pods(); got != step.want {
			t.Errorf("step %d: %d identities are counted as %d, want %d", i, step.there, got, step.want)
		}
	}
}
