package main

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/apply"
	"github.com/medfence/medfence/internal/catalog"
	"github.com/medfence/medfence/internal/compile"
	"github.com/medfence/medfence/internal/gather"
	"github.com/medfence/medfence/internal/render"
	"github.com/medfence/medfence/internal/snapshot"
	"github.com/medfence/medfence/test/stage"
)

// A judge looks at the cluster afresh, by no cache of the operator's.
type judge struct{ reader client.Reader }

// trusting believes the lists: they are read at once.
type trusting struct{}

// Check finds nothing to doubt.
func (trusting) Check(context.Context, string, gather.Listed) error { return nil }

// differences says where the cluster is not what a fresh look at it would have:
// an object that is missing, one that is too many, one that differs, and one of
// ours whose status is about an earlier generation.
func (j *judge) differences(ctx context.Context) ([]string, error) {
	want, err := j.rendered(ctx)
	if err != nil {
		return nil, err
	}
	have, err := j.standing(ctx)
	if err != nil {
		return nil, err
	}
	out := compare(want, have)
	unsaid, err := j.unsaid(ctx)
	return append(out, unsaid...), err
}

// compare says how what stands differs from what is wanted, by name.
func compare(want, have map[string]any) []string {
	var out []string
	for name, spec := range want {
		switch standing, ok := have[name]; {
		case !ok:
			out = append(out, name+" is missing")
		case !reflect.DeepEqual(spec, standing):
			out = append(out, name+" differs")
		}
	}
	for name := range have {
		if _, ok := want[name]; !ok {
			out = append(out, name+" is too many")
		}
	}
	slices.Sort(out)
	return out
}

// rendered compiles and renders the cluster as it is declared.
func (j *judge) rendered(ctx context.Context) (map[string]any, error) {
	g := gather.Gatherer{Reader: j.reader, Kinds: trusting{}, Settings: gather.Settings{
		Target:        snapshot.Cilium,
		Catalogue:     catalog.Embedded(),
		Protected:     []string{stage.Namespace, "kube-system", "cilium", "cilium-secrets", "cilium-spire", "cilium-test"},
		DNSService:    types.NamespacedName{Namespace: "kube-system", Name: "kube-dns"},
		CiliumConfig:  types.NamespacedName{Namespace: "kube-system", Name: "cilium-config"},
		ClusterDomain: "cluster.local", Identities: true, NodeConfigs: true, ServiceCIDRs: true,
	}}
	in, err := g.All(ctx, time.Now())
	if err != nil {
		return nil, fmt.Errorf("looking at the cluster: %w", err)
	}
	out := map[string]any{}
	for _, o := range render.All(compile.Compile(in).Plan) {
		raw, err := json.Marshal(o.KubeObject)
		if err != nil {
			return nil, fmt.Errorf("reading what was rendered: %w", err)
		}
		u := &unstructured.Unstructured{}
		if err := json.Unmarshal(raw, &u.Object); err != nil {
			return nil, fmt.Errorf("reading what was rendered: %w", err)
		}
		out[title(u)] = body(u)
	}
	return out, nil
}

// standing returns the policies of ours that stand in the cluster.
func (j *judge) standing(ctx context.Context) (map[string]any, error) {
	out := map[string]any{}
	for _, kind := range apply.Kinds(true) {
		list := &unstructured.UnstructuredList{}
		list.SetGroupVersionKind(kind.GroupVersion().WithKind(kind.Kind + "List"))
		if err := j.reader.List(ctx, list, client.MatchingLabels{medfencev1alpha1.LabelManagedBy: medfencev1alpha1.ManagedBy}); err != nil {
			return nil, fmt.Errorf("listing policies: %w", err)
		}
		for i := range list.Items {
			out[title(&list.Items[i])] = body(&list.Items[i])
		}
	}
	return out, nil
}

func title(o *unstructured.Unstructured) string {
	return o.GetKind() + " " + o.GetNamespace() + "/" + o.GetName()
}

// body returns what a policy does, as JSON has it, without null fields: they
// mean absence.
func body(o *unstructured.Unstructured) any {
	return plain(map[string]any{"spec": o.Object["spec"], "specs": o.Object["specs"]})
}

func plain(value any) any {
	switch v := value.(type) {
	case map[string]any:
		out := map[string]any{}
		for name, field := range v {
			if field != nil {
				out[name] = plain(field)
			}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = plain(item)
		}
		return out
	case int64:
		return float64(v)
	}
	return value
}

// unsaid names the objects whose status is not about what they are now.
func (j *judge) unsaid(ctx context.Context) ([]string, error) {
	var out []string
	for _, kind := range []string{"DeviceZone", "MedicalDevice", "Conduit"} {
		list := &unstructured.UnstructuredList{}
		list.SetGroupVersionKind(medfencev1alpha1.GroupVersion.WithKind(kind + "List"))
		if err := j.reader.List(ctx, list); err != nil {
			return nil, fmt.Errorf("listing statuses: %w", err)
		}
		for i := range list.Items {
			seen, _, _ := unstructured.NestedInt64(list.Items[i].Object, "status", "observedGeneration")
			if seen != list.Items[i].GetGeneration() {
				out = append(out, title(&list.Items[i])+" has no status of its generation")
			}
		}
	}
	return out, nil
}
