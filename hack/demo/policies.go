package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
)

// namespaceLabel is how Cilium's selectors name a namespace.
const namespaceLabel = "k8s:io.kubernetes.pod.namespace"

var policyKinds = map[string]schema.GroupVersionKind{
	"NetworkPolicy":                  {Group: "networking.k8s.io", Version: "v1", Kind: "NetworkPolicyList"},
	"CiliumNetworkPolicy":            {Group: "cilium.io", Version: "v2", Kind: "CiliumNetworkPolicyList"},
	"CiliumClusterwideNetworkPolicy": {Group: "cilium.io", Version: "v2", Kind: "CiliumClusterwideNetworkPolicyList"},
}

// policies lists our policies of one kind.
func (s *stage) policies(ctx context.Context, kind, namespace string) ([]unstructured.Unstructured, error) {
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(policyKinds[kind])
	options := []client.ListOption{client.MatchingLabels{medfencev1alpha1.LabelManagedBy: medfencev1alpha1.ManagedBy}}
	if kind != "CiliumClusterwideNetworkPolicy" {
		options = append(options, client.InNamespace(namespace))
	}
	if err := s.client.List(ctx, list, options...); err != nil {
		return nil, fmt.Errorf("listing policies: %w", err)
	}
	return list.Items, nil
}

// showSelecting prints which of our policies select the pods with a label, and
// what each permits.
func (s *stage) showSelecting(ctx context.Context, namespace, label string) error {
	pod, err := s.firstPod(ctx, namespace, label)
	if err != nil {
		return err
	}
	s.say("Policies that select pod %s/%s:", namespace, pod.Name)
	found := false
	for _, kind := range []string{"NetworkPolicy", "CiliumNetworkPolicy", "CiliumClusterwideNetworkPolicy"} {
		list, err := s.policies(ctx, kind, namespace)
		if err != nil {
			return err
		}
		for _, p := range list {
			if !selectsPod(p, pod) {
				continue
			}
			found = true
			s.say("  %s %s (%s)", kind, p.GetName(), p.GetLabels()[medfencev1alpha1.LabelComponent])
			if permits := p.GetAnnotations()[medfencev1alpha1.AnnotationPermits]; permits != "" {
				s.say("%s", indent(indent(permits)))
			}
		}
	}
	if !found {
		s.say("  none")
	}
	s.say("")
	return nil
}

// firstPod waits for a pod: the sample's Deployments make theirs in a moment.
func (s *stage) firstPod(ctx context.Context, namespace, label string) (*corev1.Pod, error) {
	selector, err := labels.Parse(label)
	if err != nil {
		return nil, fmt.Errorf("reading a label: %w", err)
	}
	pods := &corev1.PodList{}
	_, err = s.until(ctx, "a pod with "+label+" is there", func() (bool, error) {
		err := s.client.List(ctx, pods, client.InNamespace(namespace), client.MatchingLabelsSelector{Selector: selector})
		return len(pods.Items) > 0, err
	})
	if err != nil {
		return nil, err
	}
	first := slices.MinFunc(pods.Items, func(a, b corev1.Pod) int { return cmp.Compare(a.Name, b.Name) })
	return &first, nil
}

// selectsPod reports whether one of our policies selects a pod, with its spec or
// with one of its specs.
func selectsPod(p unstructured.Unstructured, pod *corev1.Pod) bool {
	field := "endpointSelector"
	if p.GetKind() == "NetworkPolicy" {
		field = "podSelector"
	}
	specs, _, err := unstructured.NestedSlice(p.Object, "specs")
	if spec, ok := p.Object["spec"]; ok {
		specs = append(specs, spec)
	}
	return err == nil && slices.ContainsFunc(specs, func(spec any) bool {
		one, ok := spec.(map[string]any)
		if !ok {
			return false
		}
		raw, ok := one[field].(map[string]any)
		selector := &metav1.LabelSelector{}
		if !ok || runtime.DefaultUnstructuredConverter.FromUnstructured(raw, selector) != nil {
			return false
		}
		set := labels.Set{}
		maps.Copy(set, pod.Labels)
		return matches(selector, set, pod.Namespace)
	})
}

// matches evaluates a selector, whose keys may bear Cilium's source prefixes.
func matches(s *metav1.LabelSelector, set labels.Set, namespace string) bool {
	plain := s.DeepCopy()
	plain.MatchLabels = map[string]string{}
	set["namespace"] = namespace
	key := func(k string) string {
		if k == namespaceLabel {
			return "namespace"
		}
		return strings.TrimPrefix(strings.TrimPrefix(k, "k8s:"), "any:")
	}
	for k, v := range s.MatchLabels {
		plain.MatchLabels[key(k)] = v
	}
	for i := range plain.MatchExpressions {
		plain.MatchExpressions[i].Key = key(plain.MatchExpressions[i].Key)
	}
	selector, err := metav1.LabelSelectorAsSelector(plain)
	return err == nil && selector.Matches(set)
}

// fingerprint tells whether any of a zone's policies was written.
func (s *stage) fingerprint(ctx context.Context, zone string) (string, error) {
	var parts []string
	for kind := range policyKinds {
		list, err := s.policies(ctx, kind, "")
		if err != nil {
			return "", err
		}
		for _, p := range list {
			if p.GetLabels()[medfencev1alpha1.LabelZone] == zone {
				parts = append(parts, kind+" "+p.GetNamespace()+"/"+p.GetName()+"@"+p.GetResourceVersion())
			}
		}
	}
	slices.Sort(parts)
	return strings.Join(parts, ", "), nil
}

// patch merges a patch into an object of the cluster.
func (s *stage) patch(ctx context.Context, namespace, kind, name, patch string) error {
	kinds := map[string]schema.GroupVersionKind{
		"devicezone":    medfencev1alpha1.GroupVersion.WithKind("DeviceZone"),
		"conduit":       medfencev1alpha1.GroupVersion.WithKind("Conduit"),
		"networkpolicy": {Group: "networking.k8s.io", Version: "v1", Kind: "NetworkPolicy"},
	}
	o := &unstructured.Unstructured{}
	o.SetGroupVersionKind(kinds[kind])
	o.SetNamespace(namespace)
	o.SetName(name)
	if err := s.client.Patch(ctx, o, client.RawPatch(types.MergePatchType, []byte(patch))); err != nil {
		return fmt.Errorf("patching %s %s: %w", kind, name, err)
	}
	return nil
}

// moduleDir returns where the source of a Go module is.
func moduleDir(ctx context.Context, module string) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", module).Output()
	if err != nil {
		return "", fmt.Errorf("finding the module %s: %w", module, err)
	}
	return strings.TrimSpace(string(out)), nil
}

// rounded keeps what a person reads of a time.
func rounded(d time.Duration) time.Duration { return d.Round(time.Millisecond) }
