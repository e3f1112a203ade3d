package crash

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/medfence/medfence/test/oracle"
)

// A side is all questions that the policies of one pod have a say in, as it
// sends or receives, alone or beside an allow-all. Its answers are kept by all
// that they can depend on: from one state to the next little of it changes.
type side struct {
	pod           oracle.Endpoint
	sends, beside bool
	questions     []int
	answers       map[[sha256.Size]byte][]bool
}

// split gives each question to the sides that decide it: it passes if both do.
func (j *judge) split() []*side {
	type key struct {
		pod           string
		sends, beside bool
	}
	index := map[key]*side{}
	var out []*side
	add := func(n int, pod oracle.Endpoint, sends bool) {
		if pod.Kind != oracle.Pod {
			return
		}
		k := key{pod.String(), sends, j.questions[n].beside}
		if index[k] == nil {
			index[k] = &side{pod: pod, sends: sends, beside: k.beside, answers: map[[sha256.Size]byte][]bool{}}
			out = append(out, index[k])
		}
		index[k].questions = append(index[k].questions, n)
	}
	for n, q := range j.questions {
		add(n, q.from, true)
		add(n, q.to, false)
	}
	return out
}

// decide answers all questions of a set of policies. The engines read it whole,
// and are asked of the sides that they were not yet asked of in such a state.
func (j *judge) decide(s policySet) (verdict, error) {
	if j.sides == nil {
		j.sides = j.split()
	}
	depends, err := j.depends(s)
	if err != nil {
		return nil, err
	}
	out := slices.Repeat(verdict{true}, len(j.questions))
	var alone, beside engine
	for _, side := range j.sides {
		at := depends[side.pod.Namespace]
		answers, known := side.answers[at]
		if !known {
			if alone == nil {
				if alone, beside, err = j.engines(s); err != nil {
					return nil, err
				}
			}
			judge := alone
			if side.beside {
				judge = beside
			}
			if answers, err = j.answer(side, judge); err != nil {
				return nil, err
			}
			side.answers[at] = answers
		}
		for i, n := range side.questions {
			out[n] = out[n] && answers[i]
		}
	}
	return out, nil
}

// answer asks an engine of a side.
func (j *judge) answer(s *side, judge engine) ([]bool, error) {
	ask := judge.Receives
	if s.sends {
		ask = judge.Sends
	}
	out := make([]bool, len(s.questions))
	for i, n := range s.questions {
		var err error
		q := j.questions[n]
		if out[i], err = ask(q.from, q.to, q.flow); err != nil {
			return nil, fmt.Errorf("%s: %w", q, err)
		}
	}
	return out, nil
}

// depends returns, for each namespace with pods, a hash of all that can matter
// to what the policies of its pods say: these policies; and what gives addresses
// their identities, which is every group, and every prefix that any policy has.
func (j *judge) depends(s policySet) (map[string][sha256.Size]byte, error) {
	parts := map[string][]any{}
	for _, e := range j.endpoints {
		if e.Kind == oracle.Pod {
			parts[e.Namespace] = nil
		}
	}
	namespaces := slices.Sorted(maps.Keys(parts))
	prefixes := map[string]bool{}
	for _, key := range slices.Sorted(maps.Keys(s)) {
		u := s[key]
		part := []any{key, u.GetLabels(), u.Object["spec"], u.Object["specs"]}
		collectPrefixes(part[2:], prefixes)
		for _, n := range namespaces {
			if mayConcern(u, n) {
				parts[n] = append(parts[n], part)
			}
		}
	}
	out := map[string][sha256.Size]byte{}
	for n, part := range parts {
		raw, err := json.Marshal([]any{part, slices.Sorted(maps.Keys(prefixes))})
		if err != nil {
			return nil, err
		}
		out[n] = sha256.Sum256(raw)
	}
	return out, nil
}

// mayConcern reports whether an object can matter to the pods of a namespace:
// all that is in no namespace does, save a policy that selects others by name.
func mayConcern(u *unstructured.Unstructured, namespace string) bool {
	if u.GetNamespace() != "" {
		return u.GetNamespace() == namespace
	}
	if u.GetKind() != "CiliumClusterwideNetworkPolicy" {
		return true
	}
	specs, _ := u.Object["specs"].([]any)
	if spec, there := u.Object["spec"]; there {
		specs = append(slices.Clone(specs), spec)
	}
	return len(specs) == 0 || slices.ContainsFunc(specs, func(spec any) bool { return !selectsElsewhere(spec, namespace) })
}

// selectsElsewhere reports whether a rule selects pods of other namespaces alone.
func selectsElsewhere(spec any, namespace string) bool {
	fields, _ := spec.(map[string]any)
	selector, _ := fields["endpointSelector"].(map[string]any)
	expressions, _ := selector["matchExpressions"].([]any)
	return slices.ContainsFunc(expressions, func(e any) bool {
		expression, _ := e.(map[string]any)
		values, _ := expression["values"].([]any)
		return expression["key"] == "k8s:io.kubernetes.pod.namespace" && expression["operator"] == "In" && !slices.Contains(values, any(namespace))
	})
}

// collectPrefixes finds every text that is a prefix.
func collectPrefixes(node any, out map[string]bool) {
	switch n := node.(type) {
	case map[string]any:
		for _, field := range n {
			collectPrefixes(field, out)
		}
	case []any:
		for _, item := range n {
			collectPrefixes(item, out)
		}
	case string:
		if _, err := netip.ParsePrefix(n); err == nil {
			out[n] = true
		}
	}
}
