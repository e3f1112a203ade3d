package gitops

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// A guard sees every version of every baseline, and every end of one.
type guard struct {
	mu     sync.Mutex
	opened []string
	seen   int
}

// watchBaselines begins to watch, until the test ends. An open moment is a
// baseline that goes while pods run in its namespace, or that permits something.
func (l *lab) watchBaselines(t *testing.T) *guard {
	t.Helper()
	g := &guard{}
	w, err := l.root.Watch(t.Context(), &networkingv1.NetworkPolicyList{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Stop)
	go func() {
		for e := range w.ResultChan() {
			if p, ok := e.Object.(*networkingv1.NetworkPolicy); ok && strings.HasPrefix(p.Name, "medfence-baseline-") {
				g.look(l.root, e.Type, p)
			}
		}
	}()
	return g
}

func (g *guard) look(c client.Client, kind watch.EventType, p *networkingv1.NetworkPolicy) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.seen++
	if kind == watch.Deleted {
		var pods corev1.PodList
		if err := c.List(context.Background(), &pods, client.InNamespace(p.Namespace)); err != nil || len(pods.Items) > 0 {
			g.opened = append(g.opened, fmt.Sprintf("%s/%s is deleted over %d pods (%v)", p.Namespace, p.Name, len(pods.Items), err))
		}
		return
	}
	if len(p.Spec.PodSelector.MatchLabels)+len(p.Spec.PodSelector.MatchExpressions)+len(p.Spec.Ingress)+len(p.Spec.Egress) > 0 || len(p.Spec.PolicyTypes) != 2 {
		g.opened = append(g.opened, fmt.Sprintf("%s/%s permits something: %v", p.Namespace, p.Name, p.Spec))
	}
}

// mustHaveHeld fails the test if there was an open moment.
func (g *guard) mustHaveHeld(t *testing.T, after string) {
	t.Helper()
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.seen == 0 {
		t.Errorf("%s: no baseline was seen at all", after)
	}
	for _, text := range g.opened {
		t.Errorf("%s: %s", after, text)
	}
	g.opened = nil
}
