package gather_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/medfence/medfence/internal/gather"
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
