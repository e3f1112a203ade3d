package controllers

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/plan"
)

func TestAClockThatIsSetWakesTheZonesOfLimitedConduits(t *testing.T) {
	b := newHappy(t, "netpol")
	var ahead atomic.Int64
	woken := make(chan []string, 16)
	w := &clockWatch{
		reader: b.admin, wake: func(zones []string) { woken <- zones },
		now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) },
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- w.Start(ctx) }()
	set := func(d time.Duration) []string {
		t.Helper()
		ahead.Store(int64(d))
		select {
		case zones := <-woken:
			slices.Sort(zones)
			return zones
		case <-time.After(patience):
			t.Fatal("nobody noticed that the clock was set")
		}
		return nil
	}
	time.Sleep(10 * time.Millisecond) // it has read the clock once
	if got := set(time.Hour); len(got) > 0 {
		t.Errorf("without a limit, %v are woken", got)
	}
	edit(b, &medfencev1alpha1.Conduit{}, "library-to-pumps", func(c *medfencev1alpha1.Conduit) {
		c.Spec.ExpiresAt = &metav1.Time{Time: time.Now().Add(time.Hour)}
	})
	for _, d := range []time.Duration{0, 100 * 365 * 24 * time.Hour, -time.Since(time.Unix(0, 0))} {
		if got := set(d); !slices.Contains(got, "infusion") || !slices.Contains(got, "druglib") {
			t.Errorf("set by %s, %v are woken", d, got)
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestAConduitRemembersThatItHasEnded(t *testing.T) {
	end := metav1.NewTime(time.Date(2030, 1, 31, 18, 0, 0, 0, time.UTC))
	for name, tc := range map[string]struct {
		had   *metav1.Time
		facts conduitFacts
		want  *metav1.Time
	}{
		"in its time":               {facts: conduitFacts{State: plan.Active, Expires: shortTime(&end)}},
		"ended":                     {facts: conduitFacts{State: plan.Expired, Expires: shortTime(&end)}, want: &end},
		"ended before":              {had: &end, facts: conduitFacts{State: plan.Expired, Expires: shortTime(&end)}, want: &end},
		"its end was moved":         {had: &end, facts: conduitFacts{State: plan.Active, Expires: "2031-01-31T18:00:00Z"}},
		"its end was taken away":    {had: &end, facts: conduitFacts{State: plan.Active}},
		"nothing of it is in force": {had: &end, facts: conduitFacts{subject: subject{Standing: plan.Absent}}, want: &end},
	} {
		t.Run(name, func(t *testing.T) {
			if tc.facts.Standing == "" {
				tc.facts.Standing = plan.Current
			}
			v := conduitView{was: &medfencev1alpha1.Conduit{}, facts: tc.facts}
			v.was.Status.Ended = tc.had
			if got := v.status().Ended; !got.Equal(tc.want) {
				t.Errorf("ended is %v, want %v", got, tc.want)
			}
		})
	}
}
