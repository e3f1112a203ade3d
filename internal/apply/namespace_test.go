package apply

import (
	"testing"

	ciliumv2 "github.com/cilium/cilium/pkg/k8s/apis/cilium.io/v2"
	"github.com/cilium/cilium/pkg/policy/api"
	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/medfence/medfence/internal/render/object"
)

func TestAMissingNamespaceIsSkippedAndTheRestIsWritten(t *testing.T) {
	l := newLab(t)
	elsewhere := l.baselineIn(l.namespace + "-unborn")
	set, _ := l.apply(elsewhere, l.baseline(), l.closed())
	if diff := cmp.Diff([]Change{atOf(elsewhere).change("its namespace is missing")}, set.Skipped); diff != "" {
		t.Errorf("skipped (-want +got):\n%s", diff)
	}
	if len(set.Created) != 2 || len(set.Recorded) != 2 {
		t.Errorf("created %v, want the others", set.Created)
	}

	l.must(shared.admin.Create(t.Context(), &corev1.Namespace{ObjectMeta: named(l.namespace + "-unborn")}))
	set, _ = l.apply(elsewhere, l.baseline(), l.closed())
	if diff := cmp.Diff([]Change{atOf(elsewhere).change("")}, set.Created); diff != "" {
		t.Errorf("created (-want +got):\n%s", diff)
	}
	l.rest(elsewhere, l.baseline(), l.closed())
}

func TestATerminatingNamespaceIsSkipped(t *testing.T) {
	l := newLab(t)
	l.settle(l.baseline())
	hold := &corev1.ConfigMap{ObjectMeta: named("hold")}
	hold.Namespace, hold.Finalizers = l.namespace, []string{"example.com/hold"}
	l.must(shared.admin.Create(t.Context(), hold))
	t.Cleanup(func() { l.patchConfigMap(hold, `{"metadata":{"finalizers":null}}`) })
	l.must(shared.admin.Delete(t.Context(), &corev1.Namespace{ObjectMeta: named(l.namespace)}))
	l.eventually("the namespace controller deletes the baseline", func() bool { return l.live(atOf(l.baseline())) == nil })

	set, _ := l.apply(l.baseline(), l.closed())
	if diff := cmp.Diff([]Change{atOf(l.baseline()).change("its namespace is being deleted")}, set.Skipped); diff != "" {
		t.Errorf("skipped (-want +got):\n%s", diff)
	}
	if len(set.Recorded) != 1 || len(set.Created) != 1 {
		t.Errorf("created %v, recorded %v; want the cluster-wide baseline", set.Created, set.Recorded)
	}

	l.request.Leaving = []string{l.namespace}
	set, wrote := l.apply(l.baseline(), l.closed())
	if diff := cmp.Diff([]Change{atOf(l.baseline()).change("its namespace is being deleted")}, set.Skipped); diff != "" {
		t.Errorf("skipped (-want +got):\n%s", diff)
	}
	if len(wrote) > 0 {
		t.Errorf("asked the API server for what it must refuse: %v", wrote)
	}
}

// A default that we do not render, or an admission webhook.
func TestAWriteThatComesBackDifferentIsReportedAndDoesNotLoop(t *testing.T) {
	l := newLab(t)
	ping := object.Object{Stage: object.StageAllow, KubeObject: &ciliumv2.CiliumNetworkPolicy{
		TypeMeta:   typeMeta(kindCiliumPolicy),
		ObjectMeta: l.meta(l.namespace, "medfence-ping", "allow"),
		Spec: &api.Rule{
			EndpointSelector: api.NewESFromK8sLabelSelector("", nil),
			Egress: []api.EgressRule{{
				EgressCommonRule: api.EgressCommonRule{ToEntities: api.EntitySlice{api.EntityWorld}},
				ICMPs:            api.ICMPRules{{Fields: []api.ICMPField{{Type: new(intstr.FromInt32(8))}}}},
			}},
		},
	}}
	altered := []Change{atOf(ping).change("spec.egress[0].icmps[0].fields[0].family added")}
	set, _ := l.apply(ping)
	if diff := cmp.Diff(altered, set.Altered); diff != "" || len(set.Created) != 1 {
		t.Errorf("created %v, altered (-want +got):\n%s", set.Created, diff)
	}
	version := l.live(atOf(ping)).GetResourceVersion()
	set, _ = l.apply(ping)
	if diff := cmp.Diff(altered, set.Altered); diff != "" || set.Written() != 0 {
		t.Errorf("changes %+v, altered (-want +got):\n%s", set, diff)
	}
	if got := l.live(atOf(ping)).GetResourceVersion(); got != version {
		t.Errorf("resourceVersion %s became %s: each pass would lead to another", version, got)
	}
}
