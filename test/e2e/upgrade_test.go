//go:build linux && e2e

package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/cache"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/apply"
	"github.com/medfence/medfence/internal/render/object"
	"github.com/medfence/medfence/test/e2e/house"
	"github.com/medfence/medfence/test/e2e/lab"
)

// A renaming is what another version of the operator may do otherwise: it names
// the groups of addresses by another hash, and lists its rules in another order.
// Every policy and every group is then written anew, and every address moves.
type renaming struct {
	h      *house.House
	zones  map[string]*medfencev1alpha1.DeviceZone
	wanted map[string][]object.Object // by zone
	groups []apply.Group
}

// anotherVersion names groups in a way in which no version does.
const anotherVersion = "-of-another-version"

// upgrade gives the hospital the policies of another version, under traffic, and
// then starts this one.
func upgrade(t *testing.T, h *house.House, b *traffic, settle func()) {
	h.StopOperator()
	r := renaming{h: h, zones: map[string]*medfencev1alpha1.DeviceZone{}, wanted: map[string][]object.Object{}}
	r.read(t)
	r.write(t)
	must(t, h.Settle(t.Context()))
	if n := r.left(t); n == 0 {
		t.Fatal("nothing of another version is there")
	}
	b.mark(t, "another version has written every policy in its own way")
	startOperator(t, h)
	must(t, h.Await(t.Context(), "nothing of the other version is left", func() error {
		if n := r.left(t); n > 0 {
			return fmt.Errorf("%d objects are of another version", n)
		}
		return nil
	}))
	settle()
	b.mark(t, "the operator is upgraded: every policy is written anew, and every address changes its group")
}

// left counts the objects that name a group as the other version does.
func (r *renaming) left(t *testing.T) int {
	t.Helper()
	n := 0
	for _, o := range ours(t, r.h) {
		raw, err := o.MarshalJSON()
		must(t, err)
		if bytes.Contains(raw, []byte(anotherVersion)) {
			n++
		}
	}
	return n
}

// read makes of the live objects those of the other version.
func (r *renaming) read(t *testing.T) {
	t.Helper()
	zones := &medfencev1alpha1.DeviceZoneList{}
	must(t, r.h.Custom.List(t.Context(), zones))
	for i := range zones.Items {
		r.zones[zones.Items[i].Name] = &zones.Items[i]
	}
	live := ours(t, r.h)
	var names []string
	for _, o := range live {
		if o.GetKind() == lab.GroupKind.Kind {
			names = append(names, `"`+o.GetName()+`"`, `"`+o.GetName()+anotherVersion+`"`,
				"/"+o.GetName()+`"`, "/"+o.GetName()+anotherVersion+`"`)
		}
	}
	rename := strings.NewReplacer(names...)
	for _, o := range live {
		raw, err := o.MarshalJSON()
		must(t, err)
		next := &unstructured.Unstructured{}
		must(t, next.UnmarshalJSON([]byte(rename.Replace(string(raw)))))
		reverse(next.Object["spec"])
		reverse(next.Object["specs"])
		zone := next.GetLabels()[medfencev1alpha1.LabelZone]
		r.wanted[zone] = append(r.wanted[zone], object.Object{Stage: stages[next.GetLabels()[medfencev1alpha1.LabelComponent]], KubeObject: next})
		if next.GetKind() == lab.GroupKind.Kind {
			r.groups = append(r.groups, apply.Group{Name: next.GetName(), Owner: r.owner(zone), Prefixes: prefixes(t, next)})
		}
	}
}

var stages = map[string]object.Stage{
	"group": object.StageGroup, "allow": object.StageAllow, "baseline": object.StageBaseline, "guard": object.StageGuard, "moat": object.StageMoat,
}

func (r *renaming) owner(zone string) apply.Owner {
	return apply.Owner{Zone: zone, UID: string(r.zones[zone].UID)}
}

func prefixes(t *testing.T, group *unstructured.Unstructured) []netip.Prefix {
	t.Helper()
	texts, _, err := unstructured.NestedStringSlice(group.Object, "spec", "externalCIDRs")
	must(t, err)
	var out []netip.Prefix
	for _, text := range texts {
		p, err := netip.ParsePrefix(text)
		must(t, err)
		out = append(out, p)
	}
	return out
}

// reverse turns the lists of rules round, which means the same.
func reverse(node any) {
	switch n := node.(type) {
	case []any:
		slices.Reverse(n)
		for _, item := range n {
			reverse(item)
		}
	case map[string]any:
		for _, field := range []string{"ingress", "egress", "ingressDeny", "egressDeny", "policyTypes"} {
			reverse(n[field])
		}
	}
}

// write writes them as any version would, zone by zone, until none waits for
// another.
func (r *renaming) write(t *testing.T) {
	t.Helper()
	applier := &apply.Applier{Cache: r.indexed(t), Live: r.h.Client, Writer: r.h.Client}
	must(t, r.h.Await(t.Context(), "the other version has written everything", func() error {
		var waiting error
		for name, zone := range r.zones {
			set, err := applier.Apply(t.Context(), apply.Request{
				Owner: r.owner(name), Desired: r.wanted[name], Recorded: zone.Status.Policies, Cilium: true, Groups: r.groups, Readers: r.readers,
			})
			zone.Status.Policies = set.Recorded
			err = errors.Join(err, r.h.Custom.Status().Update(t.Context(), zone))
			for _, w := range set.Waiting {
				err = errors.Join(err, fmt.Errorf("%s %s waits: %s", w.Kind, w.Name, w.Note))
			}
			waiting = errors.Join(waiting, err)
		}
		return waiting
	}))
}

// indexed returns a cache of policies with the indexes that an applier reads.
func (r *renaming) indexed(t *testing.T) cache.Cache {
	t.Helper()
	c, err := cache.New(r.h.Config(), cache.Options{})
	must(t, err)
	must(t, apply.AddIndexes(t.Context(), c, true))
	for _, kind := range apply.Kinds(true) {
		u := &unstructured.Unstructured{}
		u.SetGroupVersionKind(kind)
		_, err := c.GetInformer(t.Context(), u, cache.BlockUntilSynced(false))
		must(t, err)
	}
	ctx, stop := context.WithCancel(t.Context())
	t.Cleanup(stop)
	go func() { _ = c.Start(ctx) }() // ends with the test
	if !c.WaitForCacheSync(t.Context()) {
		t.Fatal("the cache of policies does not fill")
	}
	return c
}

// readers returns the policies that name a group.
func (r *renaming) readers(group string) []types.NamespacedName {
	var out []types.NamespacedName
	for _, objects := range r.wanted {
		for _, o := range objects {
			u, ok := o.KubeObject.(*unstructured.Unstructured)
			if !ok || u.GetKind() == lab.GroupKind.Kind {
				continue
			}
			if raw, err := u.MarshalJSON(); err == nil && bytes.Contains(raw, []byte(group+`"`)) {
				out = append(out, types.NamespacedName{Namespace: u.GetNamespace(), Name: u.GetName()})
			}
		}
	}
	return out
}
