package apply

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/medfence/medfence/internal/render"
	"github.com/medfence/medfence/internal/render/object"
	"github.com/medfence/medfence/internal/render/plantest"
	"github.com/medfence/medfence/internal/snapshot"
)

// What is compared is exact only if the server gives back what we wrote.
func TestTheServerReturnsExactlyWhatWasRendered(t *testing.T) {
	l := newLab(t)
	set, _ := l.apply(l.ward()...)
	if len(set.Altered) > 0 {
		t.Errorf("altered: %v", set.Altered)
	}
	l.unchanged(l.ward())
}

func TestTheServerReturnsAHospitalExactlyAsItWasRendered(t *testing.T) {
	for _, target := range []snapshot.TargetKind{snapshot.Netpol, snapshot.Cilium} {
		t.Run(string(target), func(t *testing.T) {
			p := plantest.Hospital(target)
			for _, z := range p.Zones {
				for _, ns := range z.Namespaces {
					err := shared.admin.Create(t.Context(), &corev1.Namespace{ObjectMeta: named(ns.Name)})
					if client.IgnoreAlreadyExists(err) != nil {
						t.Fatal(err)
					}
				}
			}
			labs := map[string]*lab{}
			for _, z := range p.Zones {
				labs[z.Name] = newLab(t)
				labs[z.Name].owner = Owner{Zone: z.Name, UID: z.UID}
				if z.UID == "" {
					t.Fatalf("zone %s of the hospital has no UID", z.Name)
				}
				labs[z.Name].request = Request{Owner: labs[z.Name].owner, Cilium: true, Groups: GroupsOf(p)}
			}
			written := map[string]int{}
			for range 2 { // a baseline waits for the groups of other zones
				for _, z := range p.Zones {
					set, writes := labs[z.Name].apply(render.Zone(p, z.Name)...)
					written[z.Name] += len(writes)
					if len(set.Altered) > 0 || len(set.Skipped) > 0 {
						t.Errorf("zone %s: altered %v, skipped %v", z.Name, set.Altered, set.Skipped)
					}
				}
			}
			for _, z := range p.Zones {
				desired := render.Zone(p, z.Name)
				if written[z.Name] != len(desired) {
					t.Errorf("zone %s: %d writes for %d objects", z.Name, written[z.Name], len(desired))
				}
				labs[z.Name].unchanged(desired)
				labs[z.Name].rest(desired...)
			}
		})
	}
}

// unchanged asserts that each object has the body that was rendered.
func (l *lab) unchanged(desired []object.Object) {
	l.Helper()
	for _, o := range desired {
		want, err := rendered(o.KubeObject)
		l.must(err)
		got := l.live(atOf(o))
		if got == nil {
			l.Errorf("%s was not written", atOf(o))
			continue
		}
		if diff := cmp.Diff(want.body, bodyOf(got.Object)); diff != "" {
			l.Errorf("%s came back different (-rendered +live):\n%s", atOf(o), diff)
		}
	}
}
