package controllers

import (
	"context"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/gather"
)

const (
	// clockLook is how often the clock is compared with the time that has passed.
	clockLook = time.Second
	// clockJump is by how much it may be off: a clock that is slewed stays below.
	clockJump = 500 * time.Millisecond
)

// A clockWatch has the zones of conduits with a beginning or an end look again
// when the clock is set. Their timers measure the time that passes, and would
// tell of it an hour later at worst.
type clockWatch struct {
	reader client.Reader
	now    func() time.Time
	wake   func(zones []string)
}

// Start watches until the context ends.
func (w *clockWatch) Start(ctx context.Context) error {
	tick := time.NewTicker(clockLook)
	defer tick.Stop()
	said, at := w.said(), time.Now()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		was, passed := said, time.Since(at)
		said, at = w.said(), time.Now()
		by := said.Sub(was) - passed
		if by.Abs() <= clockJump {
			continue
		}
		zones, err := w.timed(ctx)
		log.FromContext(ctx).Info("The clock was set; conduits with a beginning or an end are looked at again", "by", by.String(), "zones", len(zones), "error", errorText(err))
		w.wake(zones)
	}
}

// said returns what the clock says, without the monotonic reading by which Go
// would compare two of its times.
func (w *clockWatch) said() time.Time { return w.now().Round(0) }

// timed returns the zones of conduits with a beginning or an end.
func (w *clockWatch) timed(ctx context.Context) ([]string, error) {
	var list medfencev1alpha1.ConduitList
	if err := w.reader.List(ctx, &list, client.UnsafeDisableDeepCopy); err != nil {
		return nil, err
	}
	var out []string
	for i := range list.Items {
		if c := &list.Items[i]; timed(&c.Spec) || c.Status.Accepted != nil && timed(&c.Status.Accepted.Spec) {
			out = append(out, gather.ConduitZones(c)...)
		}
	}
	return out, nil
}

func timed(s *medfencev1alpha1.ConduitSpec) bool { return s.StartsAt != nil || s.ExpiresAt != nil }
