package controllers

import (
	"context"
	"fmt"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/gather"
)

// gateWait is how long a zone waits at a closed gate.
const gateWait = 50 * time.Millisecond

// A gate lets first the zones through, after a start, in which a conduit ended
// while no operator ran: nothing else is written before (ruling 11). It opens
// when each of them had its pass, failed or not.
type gate struct {
	reader client.Reader
	now    func() time.Time

	mu    sync.Mutex
	known bool
	first map[string]bool
}

// hold returns how long a zone must wait, or 0.
func (g *gate) hold(ctx context.Context, zone string) (time.Duration, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.known {
		overdue, err := g.overdue(ctx)
		if err != nil {
			return 0, err
		}
		g.first, g.known = overdue, true
	}
	if len(g.first) == 0 || g.first[zone] {
		return 0, nil
	}
	return gateWait, nil
}

// done notes that a zone had its pass.
func (g *gate) done(zone string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.first, zone)
}

// overdue returns the zones of conduits that have ended and do not say so.
func (g *gate) overdue(ctx context.Context) (map[string]bool, error) {
	var list medfencev1alpha1.ConduitList
	if err := g.reader.List(ctx, &list, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("listing conduits: %w", err)
	}
	out := map[string]bool{}
	for i := range list.Items {
		c := &list.Items[i]
		ready := meta.FindStatusCondition(c.Status.Conditions, medfencev1alpha1.ConditionReady)
		if ready == nil || ready.Reason == medfencev1alpha1.ReasonExpired || !g.ended(c) {
			continue
		}
		for _, zone := range gather.ConduitZones(c) {
			out[zone] = true
		}
	}
	return out, nil
}

// ended reports whether either spec that may be in force has ended.
func (g *gate) ended(c *medfencev1alpha1.Conduit) bool {
	specs := []*medfencev1alpha1.ConduitSpec{&c.Spec}
	if c.Status.Accepted != nil {
		specs = append(specs, &c.Status.Accepted.Spec)
	}
	for _, s := range specs {
		if s.ExpiresAt != nil && !g.now().Before(s.ExpiresAt.Time) {
			return true
		}
	}
	return false
}
