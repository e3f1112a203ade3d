package crash

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/medfence/medfence/internal/plan"
	"github.com/medfence/medfence/internal/snapshot"
)

// doomed is the namespace that goes, with the pods and the device in it; lingers
// is a pod in it that takes its time.
const (
	doomed  = "infusion"
	lingers = "gateway"
)

// namespaceGoes deletes a namespace of a zone while the operator runs, lets one
// of its pods linger, lets it go, and makes everything again.
func (r *ride) namespaceGoes(here *way) {
	r.Helper()
	for _, target := range []snapshot.TargetKind{snapshot.Cilium, snapshot.Netpol} {
		ward := here.to.plan(r, target)
		r.asked = target
		o := r.live(r, 0)
		r.settles(o, ward, "before a namespace goes", r.enforced)
		r.judgeTrace(&way{name: "an operator starts for " + string(target), passage: passage{here.after, ward}}, 0)
		refused, _ := o.failures()

		what := "a namespace is terminating, target " + string(target)
		r.linger(true)
		namespace := &corev1.Namespace{ObjectMeta: named(doomed)}
		passes := o.passes(r)
		if err := r.admin.Delete(context.Background(), namespace); err != nil {
			r.Fatal(err)
		}
		r.looksAgain(o, passes, what)
		r.await(what, func() bool { return len(r.podsIn(doomed)) == 1 })
		r.settles(o, ward, what, func() bool { return true })
		r.idles(o, what)
		r.judgeTrace(&way{name: what, passage: passage{ward, ward}}, 0)

		what = "a namespace is gone, target " + string(target)
		r.linger(false)
		r.await(what, func() bool {
			return apierrors.IsNotFound(r.admin.Get(context.Background(), client.ObjectKey{Name: doomed}, namespace))
		})
		r.idles(o, what)
		r.judgeAround(what, ward)

		what = "a namespace is there again, target " + string(target)
		for _, u := range readObjects(r, "cluster.yaml") {
			if u.GetName() == doomed || u.GetNamespace() == doomed {
				if err := r.admin.Create(context.Background(), r.complete(r, u)); err != nil {
					r.Fatal(err)
				}
			}
		}
		r.declare(r, here.to)
		if target == snapshot.Cilium {
			r.arrives(o, here, 0)
		} else {
			r.settles(o, ward, what, r.enforced)
		}
		r.idles(o, what)
		r.judgeAround(what, ward)
		if n, _ := o.failures(); n-refused > fewRefused {
			r.Errorf("a namespace went and came, target %s: %d writes of the operator were refused", target, n-refused)
		}
		r.stop(o)
	}
	r.asked = discovered
	o := r.live(r, 0)
	r.arrives(o, here, 0)
	r.stop(o)
	r.judgeTrace(&way{name: "the target is discovered again", passage: passage{here.to.plan(r, snapshot.Netpol), here.after}}, 0)
}

// judgeAround judges a trace on which a namespace goes or comes: nothing else is
// cut or opened, and on Cilium nothing opens in it either, for the pods that are
// not born yet. Elsewhere its policies go with it (ruling 16), and pods in it
// with them.
func (r *ride) judgeAround(what string, ward *plan.Plan) {
	r.Helper()
	trace := r.trace(r)
	found, err := r.check(passage{ward, ward}, trace)
	if err != nil {
		r.Fatal(err)
	}
	n := 0
	for _, f := range found {
		inside := f.from.Namespace == doomed || f.to.Namespace == doomed
		if !inside {
			r.Errorf("%s: %s", what, f)
			n++
		}
		if n == fewFlows {
			break
		}
	}
	if n > 0 {
		r.Logf("%s:\n%s", what, steps(trace))
	}
	if ward.Target == snapshot.Cilium {
		r.nothingOpens(what, ward, trace)
	}
	r.Logf("%s: %d states", what, len(trace))
}

// linger lets a pod take its time when it is deleted, or lets it go.
func (r *ride) linger(on bool) {
	r.Helper()
	pod := &corev1.Pod{}
	pod.Namespace, pod.Name = doomed, lingers
	patch := `{"metadata":{"finalizers":null}}`
	if on {
		patch = `{"metadata":{"finalizers":["example.org/draining"]}}`
	}
	if err := r.admin.Patch(context.Background(), pod, client.RawPatch("application/merge-patch+json", []byte(patch))); err != nil {
		r.Fatal(err)
	}
}

func (r *ride) podsIn(namespace string) []corev1.Pod {
	r.Helper()
	list := &corev1.PodList{}
	if err := r.admin.List(context.Background(), list, client.InNamespace(namespace)); err != nil {
		r.Fatal(err)
	}
	return list.Items
}

// await waits until something is so.
func (r *ride) await(what string, so func() bool) {
	r.Helper()
	for deadline := time.Now().Add(patience); !so(); time.Sleep(quiet / 5) {
		if time.Now().After(deadline) {
			r.Fatalf("%s: it does not come to that", what)
		}
	}
}
