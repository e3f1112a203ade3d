package gather

import (
	"context"
	"fmt"
	"strconv"
	"sync"

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
	counts, err := g.Census.take(func() (map[string]int, error) { return g.countIdentities(ctx) })
	if err != nil {
		return err
	}
	groups := &unstructured.UnstructuredList{}
	groups.SetGroupVersionKind(ciliumVersion.WithKind("CiliumCIDRGroupList"))
	if err := g.Reader.List(ctx, groups, client.UnsafeDisableDeepCopy); err != nil {
		return fmt.Errorf("listing CiliumCIDRGroups: %w", err)
	}
	if len(counts) == 0 {
		return nil
	}
	total := len(groups.Items)
	groupCount, pods := g.crowds.see(total, counts)
	out.Target.Crowd = &snapshot.Crowd{Groups: groupCount}
	for _, n := range distinct(keysOf(counts)) {
		out.Target.Crowd.Pods = append(out.Target.Crowd.Pods, snapshot.NamespaceCount{Namespace: n, Count: pods[n]})
	}
	return nil
}

// countIdentities counts the identities of each namespace.
func (g *Gatherer) countIdentities(ctx context.Context) (map[string]int, error) {
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(ciliumVersion.WithKind("CiliumIdentityList"))
	if err := g.Reader.List(ctx, list, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("listing CiliumIdentities: %w", err)
	}
	counts := map[string]int{}
	for i := range list.Items {
		counts[list.Items[i].Labels[labelNamespace]]++
	}
	return counts, nil
}

// A Census keeps how many identities each namespace has until it is told that one
// came or went: there are thousands, and each pass asks. The zero value is ready; nil
// counts each time.
type Census struct {
	mu     sync.Mutex
	told   int            // how often it was told
	counts map[string]int // nil is unknown
}

// Forget tells that an identity came or went, after the reader knows of it.
func (c *Census) Forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.told++
	c.counts = nil
}

// take returns what was counted, which nobody may modify, and counts if it must. A
// count during which something came or went is not kept.
func (c *Census) take(count func() (map[string]int, error)) (map[string]int, error) {
	if c == nil {
		return count()
	}
	c.mu.Lock()
	told, kept := c.told, c.counts
	c.mu.Unlock()
	if kept != nil {
		return kept, nil
	}
	counts, err := count()
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.told == told {
		c.counts = counts
	}
	return counts, nil
}

// crowds remembers what was counted: a guard close to its budget would be exact
// and coarse in turn, with every pod that comes and goes, if it followed each
// count down. A count is therefore given until a fifth of it is gone. It is never
// less than what there is, and a restart forgets it. The zero value is ready.
type crowds struct {
	mu     sync.Mutex
	groups int
	pods   map[string]int
}

// see takes a count, and returns what it shall be taken for.
func (c *crowds) see(groups int, pods map[string]int) (int, map[string]int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.groups = steady(c.groups, groups)
	next := make(map[string]int, len(pods))
	for n, count := range pods {
		next[n] = steady(c.pods[n], count)
	}
	c.pods = next
	return c.groups, next
}

// steady returns the last number as long as no less than four fifths of it are
// there, and else the number, rounded up.
func steady(last, n int) int {
	up := roundUp(n)
	if up < last && 5*up >= 4*last {
		return last
	}
	return up
}

func roundUp(n int) int { return (n + crowdStep - 1) / crowdStep * crowdStep }

func keysOf(counts map[string]int) []string {
	out := make([]string, 0, len(counts))
	for n := range counts {
		out = append(out, n)
	}
	return out
}
