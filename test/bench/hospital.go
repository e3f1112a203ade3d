package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/medfence/medfence/test/bench/gauge"
	"github.com/medfence/medfence/test/bench/stage"
	"github.com/medfence/medfence/test/hospital"
)

// idle is how long an operator must have had nothing to do to be done.
const idle = 2 * time.Second

// declared returns the name of a state in which a hospital of n devices was
// declared and no operator has run yet. It is made once.
func (b *bench) declared(ctx context.Context, target string, n int) (string, error) {
	name := fmt.Sprintf("declared-%s-%d", target, n)
	return name, b.once(ctx, name, "", target, func(s *stage.Stage) error {
		if target == stage.Cilium {
			if err := s.InstallCilium(); err != nil {
				return err
			}
		}
		return s.Create(ctx, hospital.Large(n))
	})
}

// settled returns the name of a state in which an operator has written all of
// it, and has stopped. It is made once.
func (b *bench) settled(ctx context.Context, target string, n int) (string, error) {
	from, err := b.declared(ctx, target, n)
	if err != nil {
		return "", err
	}
	name := fmt.Sprintf("settled-%s-%d", target, n)
	return name, b.once(ctx, name, from, target, func(s *stage.Stage) error {
		o, err := s.StartOperator(false)
		if err != nil {
			return err
		}
		defer o.Stop()
		return o.Settle(ctx, idle)
	})
}

// once makes a state from another one, unless it is there.
func (b *bench) once(ctx context.Context, name, from, target string, do func(*stage.Stage) error) error {
	if _, err := os.Stat(filepath.Join(b.options.Dir, name)); err == nil {
		return nil
	}
	begin := time.Now()
	s, err := b.open(ctx, from, target)
	if err != nil {
		return err
	}
	if err := do(s); err != nil {
		_ = s.Close()
		return fmt.Errorf("making the state %s: %w", name, err)
	}
	b.say("made the state %s in %.0f s", name, time.Since(begin).Seconds())
	return s.Keep(name)
}

// open starts a control plane on a copy of a state.
func (b *bench) open(ctx context.Context, state, target string) (*stage.Stage, error) {
	s, err := stage.Open(ctx, b.options, state)
	if err != nil {
		return nil, err
	}
	s.Target = target
	if b.report.Machine.Kubernetes == "" {
		b.report.Machine.Kubernetes, _, _ = strings.Cut(filepath.Base(s.Cluster.Assets), "-")
	}
	return s, nil
}

// with does something on a copy of a state.
func (b *bench) with(ctx context.Context, state, target string, do func(*stage.Stage) error) error {
	s, err := b.open(ctx, state, target)
	if err != nil {
		return err
	}
	err = do(s)
	if closing := s.Close(); err == nil {
		err = closing
	}
	return err
}

// lastWrite returns when the last of some requests was answered.
func lastWrite(list []gauge.Request) time.Time {
	var last time.Time
	for _, r := range list {
		if r.Answered.After(last) {
			last = r.Answered
		}
	}
	return last
}

func mergePatch(text string) client.Patch { return client.RawPatch(types.MergePatchType, []byte(text)) }

func seconds(d time.Duration) float64      { return d.Seconds() }
func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
