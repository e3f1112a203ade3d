//go:build linux

package wire

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"
)

// What a moment of change is told by: a datagram every 2 ms, from a new socket
// each; and how many in a row must be missing, each for so long that it is not
// merely late.
const (
	beat    = 2 * time.Millisecond
	missing = 25
	late    = 150 * time.Millisecond
)

// A shot is a datagram of a volley.
type shot struct {
	key Key
	at  time.Time
}

// UntilPermitted acts, and returns how long after the act began the first
// datagram was sent that arrived.
func (s *Station) UntilPermitted(ctx context.Context, other *Station, to netip.AddrPort, act func() error) (time.Duration, error) {
	return s.until(ctx, to, act, func(shots []shot) (time.Time, bool) {
		for _, x := range shots {
			if other.Arrived(x.key) > 0 {
				return x.at, true
			}
		}
		return time.Time{}, false
	})
}

// UntilBlocked acts, and returns how long after the act began the first datagram
// was sent that did not arrive, nor any after it.
func (s *Station) UntilBlocked(ctx context.Context, other *Station, to netip.AddrPort, act func() error) (time.Duration, error) {
	return s.until(ctx, to, act, func(shots []shot) (time.Time, bool) {
		first := len(shots)
		for first > 0 && other.Arrived(shots[first-1].key) == 0 {
			first--
		}
		lost := shots[first:]
		if len(lost) < missing || time.Since(lost[missing-1].at) < late {
			return time.Time{}, false
		}
		return lost[0].at, true
	})
}

// until sends while it asks whether the change is there.
func (s *Station) until(ctx context.Context, to netip.AddrPort, act func() error, changed func([]shot) (time.Time, bool)) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	acted := make(chan error, 1)
	began := time.Now()
	go func() { acted <- act() }()
	tick := time.NewTicker(beat)
	defer tick.Stop()
	var shots []shot
	for {
		select {
		case <-ctx.Done():
			return 0, errors.Join(fmt.Errorf("waiting for a change at %s: %w", to, ctx.Err()), <-acted)
		case <-tick.C:
		}
		key, at, err := s.Shoot(to)
		if err != nil {
			return 0, errors.Join(err, <-acted)
		}
		shots = append(shots, shot{key, at})
		if at, ok := changed(shots); ok {
			return at.Sub(began), <-acted
		}
	}
}
