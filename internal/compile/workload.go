package compile

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/plan"
	"github.com/medfence/medfence/internal/snapshot"
)

func compareKeys(a, b plan.WorkloadKey) int {
	return cmp.Or(cmp.Compare(a.Zone, b.Zone), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Selector, b.Selector))
}

// A workload is a set of pods that a policy can name.
type workload struct {
	key      plan.WorkloadKey
	selector metav1.LabelSelector
	matches  labels.Selector
	zone     *zone
	devices  []string
}

// workload returns the workload of a key, and makes it on first sight.
func (c *compiler) workload(key plan.WorkloadKey, selector metav1.LabelSelector, z *zone) *workload {
	w := c.workloads[key]
	if w == nil {
		matches, err := parseSelector(&selector)
		if err != nil {
			matches = labels.Nothing()
		}
		w = &workload{key: key, selector: selector, matches: matches, zone: z}
		c.workloads[key] = w
		z.workloadKeys = append(z.workloadKeys, key)
	}
	return w
}

// peerWorkloads makes the workloads of a peer zone: its pods, namespace by
// namespace.
func (c *compiler) peerWorkloads(z *zone) {
	selector := canonicalSelector(z.spec.Members.PodSelector)
	for _, n := range z.namespaces {
		key := plan.WorkloadKey{Zone: z.in.Name, Namespace: n.Name, Selector: selectorText(selector)}
		c.workload(key, selector, z)
	}
}

func (c *compiler) planWorkloads() []plan.Workload {
	out := make([]plan.Workload, 0, len(c.workloads))
	for _, key := range slices.SortedFunc(maps.Keys(c.workloads), compareKeys) {
		w := c.workloads[key]
		dns := medfencev1alpha1.DNSNone
		if w.zone.segmented() {
			dns = c.enforceableDNS(w.zone)
		}
		slices.Sort(w.devices)
		out = append(out, plan.Workload{
			WorkloadKey: key, Name: workloadName(key, w.selector), Selector: w.selector,
			Device: w.zone.segmented(), Devices: w.devices, DNS: dns,
		})
	}
	return out
}

// enforceableDNS returns the DNS mode that the target can enforce for a zone's
// registered pods. A DNS rule without Cilium's DNS proxy would be no policy.
func (c *compiler) enforceableDNS(z *zone) medfencev1alpha1.DNSMode {
	if z.dns() == medfencev1alpha1.DNSNames && !c.resolvesNames() {
		return medfencev1alpha1.DNSCluster
	}
	return z.dns()
}

// resolvesNames reports whether the target can tell names apart.
func (c *compiler) resolvesNames() bool {
	return c.in.Target.Kind == snapshot.Cilium && c.in.Target.DNSProxy
}

// dns returns the zone's DNS mode; an absent one means Cluster.
func (z *zone) dns() medfencev1alpha1.DNSMode {
	if z.spec.DNS == "" {
		return medfencev1alpha1.DNSCluster
	}
	return z.spec.DNS
}

// workloadName returns "pump-gateway-1a2b3c4d": readable by the values that the
// selector names, unique and stable by a hash of the key.
func workloadName(key plan.WorkloadKey, s metav1.LabelSelector) string {
	var words []string
	for _, k := range slices.Sorted(maps.Keys(s.MatchLabels)) {
		words = append(words, s.MatchLabels[k])
	}
	for _, e := range s.MatchExpressions {
		words = append(words, e.Values...)
	}
	name := slug(strings.Join(words, "-"))
	if name == "" {
		name = "pods"
	}
	return name + "-" + shortHash(key.Zone, key.Namespace, key.Selector)
}

// slug keeps the letters, digits and single hyphens of a text, at most 40.
func slug(text string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(text) {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
		if b.Len() >= 40 {
			break
		}
	}
	return strings.Trim(b.String(), "-")
}

// shortHash returns 10 hex digits of the parts' SHA-256.
func shortHash(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:5])
}
