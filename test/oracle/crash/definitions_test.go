package crash

import (
	"context"
	"slices"
	"strings"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/medfence/medfence/internal/snapshot"
)

// definitionsGo removes Cilium's CRDs, and all objects with them, under an
// operator that runs, and installs them again. The NetworkPolicies stay: pods
// stay closed. What goes with the CRDs (guards, moats, and what the conduits
// permit) nobody can keep.
func (r *ride) definitionsGo(here *way) {
	r.Helper()
	bare := here.to.plan(r, snapshot.Netpol)
	for _, asked := range []snapshot.TargetKind{discovered, snapshot.Cilium} {
		what := "Cilium's CRDs go, target " + string(asked)
		r.asked = asked
		o := r.live(r, 0)
		r.arrives(o, here, 0)
		r.judgeTrace(&way{name: "an operator starts", passage: passage{here.after, here.after}}, 0)

		r.undefine()
		if asked == discovered {
			r.settles(o, bare, what, func() bool { return r.writesOnly("NetworkPolicy") && r.enforced() })
		} else {
			r.waits(o, what)
		}
		r.idles(o, what)
		trace := r.trace(r)
		r.nothingOpens(what, bare, trace)
		r.Logf("%s: %d states in %s; then it says\n%s", what, len(trace), r.took(), r.words())

		what = "Cilium's CRDs come back, target " + string(asked)
		r.define(r)
		r.arrives(o, here, 0)
		r.idles(o, what)
		if asked == discovered {
			r.judgeTrace(&way{name: what, passage: passage{bare, here.after}}, 0)
		} else {
			r.nothingOpens(what, bare, r.trace(r))
		}
		r.stop(o)
	}
	r.asked = discovered
}

// waits waits until all that is declared says that nothing is known, and the
// operator does nothing.
func (r *ride) waits(o *life, what string) {
	r.Helper()
	r.await(what+": the statuses tell", func() bool {
		_, last := o.made()
		return time.Since(last) > quiet && !strings.Contains(r.words(), "Enforced True")
	})
}

// undefine removes Cilium's CRDs and returns when they are gone.
func (r *ride) undefine() {
	r.Helper()
	ctx := context.Background()
	all := ciliumDefinitions(r)
	for _, crd := range all {
		if err := r.admin.Delete(ctx, &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": map[string]any{"name": crd.Name},
		}}); err != nil {
			r.Fatal(err)
		}
	}
	r.await("Cilium's CRDs go", func() bool {
		list := &unstructured.UnstructuredList{}
		list.SetGroupVersionKind(apiextensionsv1.SchemeGroupVersion.WithKind("CustomResourceDefinitionList"))
		if err := r.admin.List(ctx, list); err != nil {
			r.Fatal(err)
		}
		return !slices.ContainsFunc(list.Items, func(o unstructured.Unstructured) bool { return strings.HasSuffix(o.GetName(), ".cilium.io") })
	})
}

// writesOnly reports whether the statuses of all zones record this kind alone.
func (r *ride) writesOnly(kind string) bool {
	r.Helper()
	for _, o := range r.list(r, []schema.GroupVersionKind{declaredKinds["DeviceZone"]}) {
		records, _, _ := unstructured.NestedSlice(o.Object, "status", "policies")
		for _, item := range records {
			if record, _ := item.(map[string]any); record["kind"] != kind {
				return false
			}
		}
	}
	return true
}

// enforced reports whether all Device zones say that they are.
func (r *ride) enforced() bool {
	r.Helper()
	for _, o := range r.list(r, []schema.GroupVersionKind{declaredKinds["DeviceZone"]}) {
		role, _, _ := unstructured.NestedString(o.Object, "spec", "role")
		if role == "Device" && !strings.HasPrefix(reason(&o, "Enforced"), "True ") {
			return false
		}
	}
	return true
}

// took returns how long the last trace took.
func (r *ride) took() time.Duration {
	if len(r.seen) == 0 {
		return 0
	}
	return r.seen[len(r.seen)-1].Sub(r.seen[0]).Round(time.Millisecond)
}
