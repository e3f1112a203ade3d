package verdict

import (
	"maps"
	"regexp"
	"slices"
	"strings"
)

// The label sources and keys of Cilium (pkg/labels, pkg/k8s/apis/cilium.io).
const (
	sourceAny      = "any"
	sourceK8s      = "k8s"
	sourceReserved = "reserved"
	sourceGroup    = "cidrgroup"
	sourceFQDN     = "fqdn"
	sourceCIDR     = "cidr"

	ownedPrefix       = "io.cilium.k8s"
	namespaceKey      = "io.kubernetes.pod.namespace"
	namespaceLabels   = "io.cilium.k8s.namespace.labels."
	clusterKey        = "io.cilium.k8s.policy.cluster"
	serviceAccountKey = "io.cilium.k8s.policy.serviceaccount"
	metadataName      = "kubernetes.io/metadata.name"
)

// A label is a value and where it comes from.
type label struct{ source, value string }

// A labelSet is what a selector sees of an endpoint. Keys are unique whatever
// their source, as in Cilium.
type labelSet struct {
	labels map[string]label
	// unknown are the keys of which nobody can tell whether they are there.
	unknown map[string]bool
	// unknownSources are sources of which any key may be there.
	unknownSources []string
}

// lookup finds a key; source "any" finds it in every source.
func (s labelSet) lookup(source, key string) (string, tri) {
	if l, ok := s.labels[key]; ok && (source == sourceAny || source == l.source) {
		return l.value, yes
	}
	if s.unknown[key] || slices.Contains(s.unknownSources, source) {
		return "", maybe
	}
	return "", no
}

func (s labelSet) has(key string) bool { return s.labels[key] != label{} }

func (s labelSet) put(source, key, value string) { s.labels[key] = label{source, value} }

// reserved returns a set of reserved labels.
func reserved(names ...string) labelSet {
	s := labelSet{labels: map[string]label{}}
	for _, n := range names {
		s.put(sourceReserved, n, "")
	}
	return s
}

// plainLabels are labels as plain NetworkPolicy sees them.
func plainLabels(set map[string]string) labelSet {
	s := labelSet{labels: map[string]label{}}
	for k, v := range set {
		s.put(sourceK8s, k, v)
	}
	return s
}

// withName returns the labels of a namespace with the one that the API server
// adds.
func withName(e Endpoint) map[string]string {
	out := maps.Clone(e.NamespaceLabels)
	if out == nil {
		out = map[string]string{}
	}
	out[metadataName] = e.Namespace
	return out
}

// podIdentity returns the identity labels of a pod (pkg/k8s' GetPodMetadata and
// pkg/labelsfilter with the stock list).
func podIdentity(e Endpoint, ownCluster string) labelSet {
	s := labelSet{labels: map[string]label{}, unknown: map[string]bool{}}
	for k, v := range e.Labels {
		if !strings.HasPrefix(k, ownedPrefix) && identityLabel(k) {
			s.put(sourceK8s, k, v)
		}
	}
	for k, v := range withName(e) {
		s.put(sourceK8s, namespaceLabels+k, v)
	}
	s.put(sourceK8s, namespaceKey, e.Namespace)
	s.put(sourceK8s, clusterKey, ownCluster)
	if e.Cluster != "" {
		s.put(sourceK8s, clusterKey, e.Cluster)
	}
	if e.ServiceAccount == "" {
		s.unknown[serviceAccountKey] = true
		return s
	}
	s.put(sourceK8s, serviceAccountKey, e.ServiceAccount)
	return s
}

// A labelRule includes or ignores label keys that begin with it.
type labelRule struct {
	ignore bool
	expr   *regexp.Regexp
}

// labelRules is the stock list of pkg/labelsfilter (v1.20.1).
var labelRules = []labelRule{
	{false, regexp.MustCompile(`^io\.kubernetes\.pod\.namespace`)},
	{false, regexp.MustCompile(`^io\.cilium\.k8s\.namespace\.labels`)},
	{false, regexp.MustCompile(`^app\.kubernetes\.io`)},
	{false, regexp.MustCompile(`^io\.cilium\.k8s\.policy\.(cluster|serviceaccount)`)},
	{true, regexp.MustCompile(`^io\.kubernetes`)},
	{true, regexp.MustCompile(`^kubernetes\.io`)},
	{true, regexp.MustCompile(`^statefulset\.kubernetes\.io/pod-name`)},
	{true, regexp.MustCompile(`^apps\.kubernetes\.io/pod-index`)},
	{true, regexp.MustCompile(`^batch\.kubernetes\.io/job-completion-index`)},
	{true, regexp.MustCompile(`^batch\.kubernetes\.io/controller-uid`)},
	{true, regexp.MustCompile(`^.*beta\.kubernetes\.io`)},
	{true, regexp.MustCompile(`^k8s\.io`)},
	{true, regexp.MustCompile(`^pod-template-generation`)},
	{true, regexp.MustCompile(`^pod-template-hash`)},
	{true, regexp.MustCompile(`^controller-revision-hash`)},
	{true, regexp.MustCompile(`^controller-uid`)},
	{true, regexp.MustCompile(`^annotation.*`)},
	{true, regexp.MustCompile(`^etcd_node`)},
	{true, regexp.MustCompile(`^topology\.kubernetes\.io`)},
}

// identityLabel reports whether a label is part of a pod's identity, so that
// policies can see it: unless a rule ignores it, or where a rule that includes
// it matches more of it.
func identityLabel(key string) bool {
	included, ignored := 0, 0
	for _, r := range labelRules {
		loc := r.expr.FindStringIndex(key)
		if loc == nil {
			continue
		}
		if !r.ignore {
			included = max(included, loc[1])
			continue
		}
		if ignored == 0 || loc[1] < ignored {
			ignored = loc[1]
		}
	}
	return ignored == 0 || included > ignored
}

// words returns labels as "app=a,tier=b".
func words(set map[string]string) string {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(set)) {
		parts = append(parts, k+"="+set[k])
	}
	if len(parts) == 0 {
		return "(none)"
	}
	return strings.Join(parts, ",")
}
