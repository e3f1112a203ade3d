package gather

import (
	"context"
	"fmt"
	"strconv"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/medfence/medfence/internal/snapshot"
)

const (
	// crowdStep is the multiple to which numbers are rounded up: a pod more or
	// less shall change no status and no guard.
	crowdStep = 16
	// labelNamespace is how a CiliumIdentity names the namespace of its pods.
	labelNamespace = "io.kubernetes.pod.namespace"
	// defaultMapMax is bpf-policy-map-max of a stock install.
	defaultMapMax = 16384
)

var ciliumVersion = schema.GroupVersion{Group: "cilium.io", Version: "v2"}

// NewIdentity returns an empty CiliumIdentity of which only the metadata is read.
func NewIdentity() *metav1.PartialObjectMetadata {
	o := &metav1.PartialObjectMetadata{}
	o.SetGroupVersionKind(ciliumVersion.WithKind("CiliumIdentity"))
	return o
}

// stripIdentity keeps the namespace of an identity: there are thousands.
func stripIdentity(in any) (any, error) {
	identity, ok := in.(*metav1.PartialObjectMetadata)
	if !ok {
		return in, nil
	}
	out := &metav1.PartialObjectMetadata{TypeMeta: identity.TypeMeta, ObjectMeta: stripMeta(identity.ObjectMeta)}
	out.Labels = map[string]string{labelNamespace: identity.Labels[labelNamespace]}
	return out, nil
}

// crowd counts Cilium's identities and groups, and reads how much a policy map
// takes. Without identities the number is unknown, not 0.
func (g *Gatherer) crowd(ctx context.Context, config map[string]string, out *snapshot.Snapshot) error {
	if out.Target.Kind != snapshot.Cilium {
		return nil
	}
	out.Target.MapMax = defaultMapMax
	if text := config["bpf-policy-map-max"]; text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n <= 0 {
			return g.unreadable(fmt.Errorf("bpf-policy-map-max is %q, which is no number of entries", text))
		}
		out.Target.MapMax = n
	}
	if !g.Settings.Identities {
		return nil
	}
	identities := &metav1.PartialObjectMetadataList{}
	identities.SetGroupVersionKind(ciliumVersion.WithKind("CiliumIdentityList"))
	if err := g.Reader.List(ctx, identities, client.UnsafeDisableDeepCopy); err != nil {
		return fmt.Errorf("listing CiliumIdentities: %w", err)
	}
	groups := &unstructured.UnstructuredList{}
	groups.SetGroupVersionKind(ciliumVersion.WithKind("CiliumCIDRGroupList"))
	if err := g.Reader.List(ctx, groups, client.UnsafeDisableDeepCopy); err != nil {
		return fmt.Errorf("listing CiliumCIDRGroups: %w", err)
	}
	counts := map[string]int{}
	for i := range identities.Items {
		counts[identities.Items[i].Labels[labelNamespace]]++
	}
	if len(counts) == 0 {
		return nil
	}
	out.Target.Crowd = &snapshot.Crowd{Groups: roundUp(len(groups.Items))}
	for _, n := range distinct(keysOf(counts)) {
		out.Target.Crowd.Pods = append(out.Target.Crowd.Pods, snapshot.NamespaceCount{Namespace: n, Count: roundUp(counts[n])})
	}
	return nil
}

func roundUp(n int) int { return (n + crowdStep - 1) / crowdStep * crowdStep }

func keysOf(counts map[string]int) []string {
	out := make([]string, 0, len(counts))
	for n := range counts {
		out = append(out, n)
	}
	return out
}
