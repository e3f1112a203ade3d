//go:build linux

package house

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/verdict"
	"github.com/medfence/medfence/test/e2e/hubble"
	"github.com/medfence/medfence/test/e2e/lab"
	"github.com/medfence/medfence/test/e2e/truth"
)

// An Answerer says whether a question may pass, and why.
type Answerer interface {
	Says(q truth.Question) (passes bool, why string)
}

// Table asks every question, and judges what it sees by what is declared and by
// what the verdict engine says of the policies that are live. A cell that is
// wrong is asked once more, after the agents have settled again: only what is
// wrong at rest is wrong.
func (h *House) Table(ctx context.Context, title string, declared Answerer, questions []truth.Question) (truth.Table, error) {
	t := truth.Table{Title: title}
	if err := h.Settle(ctx); err != nil {
		return t, err
	}
	policies, owners, err := h.policies(ctx)
	if err != nil {
		return t, err
	}
	outcomes, err := h.Ask(ctx, questions)
	if err != nil {
		return t, err
	}
	j := judgement{House: h, declared: declared, policies: policies, owners: owners}
	for _, r := range owners {
		j.crowded = j.crowded || !r.Ours
	}
	for _, o := range outcomes {
		t.Cells = append(t.Cells, j.cell(o))
	}
	return t, j.askAgain(ctx, &t)
}

// askAgain asks what is wrong once more, unless so much is wrong that it is no
// matter of time.
func (j judgement) askAgain(ctx context.Context, t *truth.Table) error {
	var again []truth.Question
	var places []int
	for i, c := range t.Cells {
		if c.Wrong() != "" {
			again, places = append(again, c.Question), append(places, i)
		}
	}
	if len(again) == 0 || len(again) > len(t.Cells)/4 {
		return nil
	}
	if err := j.Settle(ctx); err != nil {
		return err
	}
	outcomes, err := j.Ask(ctx, again)
	if err != nil {
		return err
	}
	for i, o := range outcomes {
		before := t.Cells[places[i]].Wrong()
		t.Cells[places[i]] = j.cell(o)
		fmt.Fprintf(j.Log, "asked again: %s: %s; now: %s\n", o.Question, before, o)
	}
	return nil
}

// A judgement is what cells are judged by.
type judgement struct {
	*House
	declared Answerer
	policies *truth.Policies
	owners   map[string]truth.Rule
	crowded  bool
}

func (j judgement) cell(o Outcome) truth.Cell {
	c := truth.Cell{Question: o.Question, Crowded: j.crowded, Passed: o.Passed(), Dropped: o.Dropped(), Seen: o.String()}
	c.Permitted, c.Why = j.declared.Says(o.Question)
	c.Verdict = j.policies.Says(o.Question).Decision
	if o.Err != nil {
		return c
	}
	k := hubbleKey(o.Question, o.Key)
	for _, f := range j.Flows.Of(k, o.sent.Add(-time.Second)) {
		if c.Passed != (f.Verdict == hubble.Forwarded) {
			continue
		}
		for _, r := range f.Rules {
			if r.Name == "" {
				continue // the agent's own: nothing selects this end by default
			}
			rule := j.owner(r)
			if !slices.ContainsFunc(c.Rules, func(x truth.Rule) bool { return x.Policy == rule.Policy }) {
				c.Rules = append(c.Rules, rule)
			}
		}
	}
	return c
}

func (j judgement) owner(r hubble.Rule) truth.Rule {
	name := verdict.Policy{Kind: r.Kind, Namespace: r.Namespace, Name: r.Name}.String()
	rule := j.owners[name]
	rule.Policy, rule.Denies = name, r.Denies
	return rule
}

// policies returns the judge of what is live, and who wrote each policy.
func (h *House) policies(ctx context.Context) (*truth.Policies, map[string]truth.Rule, error) {
	objects, err := h.List(ctx, append(slices.Clone(lab.PolicyKinds), lab.GroupKind)...)
	if err != nil {
		return nil, nil, err
	}
	owners := map[string]truth.Rule{}
	for _, o := range objects {
		if o.GetKind() == lab.GroupKind.Kind {
			continue
		}
		name := verdict.Policy{Kind: o.GetKind(), Namespace: o.GetNamespace(), Name: o.GetName()}.String()
		owners[name] = truth.Rule{
			Ours:     o.GetLabels()[medfencev1alpha1.LabelManagedBy] == medfencev1alpha1.ManagedBy,
			Conduits: strings.FieldsFunc(o.GetAnnotations()[medfencev1alpha1.AnnotationConduits], func(r rune) bool { return r == ',' || r == ' ' }),
		}
	}
	out := &truth.Policies{Judge: verdict.New(verdict.Semantics{Engine: verdict.Cilium}, objects...), Namespaces: map[string]map[string]string{}}
	list := &corev1.NamespaceList{}
	if err := h.Client.List(ctx, list); err != nil {
		return nil, nil, fmt.Errorf("listing namespaces: %w", err)
	}
	for _, n := range list.Items {
		out.Namespaces[n.Name] = n.Labels
	}
	return out, owners, nil
}
