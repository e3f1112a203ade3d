//go:build linux

package wire

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/medfence/medfence/internal/flow"
)

// The paces of a stream and of attempts: a pump's telegram is no film, and the
// machine has other work.
const (
	pace    = 10 * time.Millisecond
	attempt = 25 * time.Millisecond
)

// dial connects from the station. What it connects to is permitted: it answers
// at once.
func (s *Station) dial(to netip.Addr, p flow.Protocol, port uint16) (conn net.Conn, err error) {
	network := map[flow.Protocol]string{flow.TCP: "tcp", flow.UDP: "udp"}[p]
	err = s.space.Do(func() (err error) {
		conn, err = (&net.Dialer{Timeout: 20 * time.Second}).Dial(network, netip.AddrPortFrom(to, port).String())
		return err
	})
	return conn, err
}

// A Stream is a conversation that goes on: a numbered telegram every 10 ms over
// one connection, each of which is to come back.
type Stream struct {
	Name   string
	conn   net.Conn
	key    Key
	to     *Station
	tcp    bool
	cancel context.CancelFunc
	ended  sync.WaitGroup

	sent, echoed atomic.Int64
	longest      atomic.Int64 // nanoseconds without an echo while one was due
	failed       atomic.Pointer[error]
}

// Stream begins a stream to another station.
func (s *Station) Stream(name string, other *Station, to netip.Addr, p flow.Protocol, port uint16) (*Stream, error) {
	conn, err := s.dial(to, p, port)
	if err != nil {
		return nil, fmt.Errorf("beginning the stream %s: %w", name, err)
	}
	local, err := netip.ParseAddrPort(conn.LocalAddr().String())
	if err != nil {
		return nil, fmt.Errorf("beginning the stream %s: %w", name, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	out := &Stream{Name: name, conn: conn, to: other, tcp: p == flow.TCP, cancel: cancel,
		key: Key{Protocol: p, Source: local.Addr().Unmap(), SourcePort: local.Port(), Port: port}}
	out.ended.Go(func() { out.send(ctx) })
	out.ended.Go(out.receive)
	return out, nil
}

// telegram is the size of a message.
const telegram = 64

func (s *Stream) send(ctx context.Context) {
	tick := time.NewTicker(pace)
	defer tick.Stop()
	message := make([]byte, telegram)
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		binary.BigEndian.PutUint64(message, uint64(s.sent.Load()+1))
		if _, err := s.conn.Write(message); err != nil {
			if s.tcp { // a datagram that is refused is lost, no more
				s.fail(err)
				return
			}
		}
		s.sent.Add(1)
	}
}

func (s *Stream) receive() {
	buffer := make([]byte, telegram)
	last := time.Now()
	for {
		var err error
		if s.tcp {
			_, err = io.ReadFull(s.conn, buffer)
		} else {
			_, err = s.conn.Read(buffer)
		}
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			if s.tcp {
				s.fail(err)
				return
			}
			continue
		}
		n := s.echoed.Add(1)
		if number := binary.BigEndian.Uint64(buffer); s.tcp && number != uint64(n) {
			s.fail(fmt.Errorf("telegram %d came back as number %d", number, n))
			return
		}
		if gap := time.Since(last); int64(gap) > s.longest.Load() {
			s.longest.Store(int64(gap))
		}
		last = time.Now()
	}
}

func (s *Stream) fail(err error) { s.failed.CompareAndSwap(nil, &err) }

// A Mark is how far a stream is.
type Mark struct {
	Sent, Echoed int64
	// Longest is the longest time between two echoes since the mark before.
	Longest time.Duration
	Err     error
}

// Mark waits until everything that has been sent so far has had time to come
// back, and tells how far the stream is.
func (s *Stream) Mark(ctx context.Context) Mark {
	sent := s.sent.Load()
	ctx, cancel := context.WithTimeout(ctx, drain)
	defer cancel()
	for s.echoed.Load() < sent && ctx.Err() == nil {
		time.Sleep(pace)
	}
	m := Mark{Sent: sent, Echoed: min(s.echoed.Load(), sent), Longest: time.Duration(s.longest.Swap(0))}
	if err := s.failed.Load(); err != nil {
		m.Err = *err
	}
	return m
}

// drain is how long an echo may be under way: TCP sends again what was lost.
const drain = 5 * time.Second

// Close ends the stream.
func (s *Stream) Close() {
	s.cancel()
	_ = s.conn.Close()
	s.ended.Wait()
}

// An Attempt knocks at a door again and again, from a new socket each time.
type Attempt struct {
	Name   string
	to     *Station
	cancel context.CancelFunc
	ended  sync.WaitGroup
	made   atomic.Int64

	mu sync.Mutex
	// keys are when each was used last: a port may be used again.
	keys map[Key]time.Time
}

// Attempt begins to knock.
func (s *Station) Attempt(name string, other *Station, to netip.Addr, p flow.Protocol, port uint16) *Attempt {
	ctx, cancel := context.WithCancel(context.Background())
	a := &Attempt{Name: name, to: other, cancel: cancel, keys: map[Key]time.Time{}}
	a.ended.Go(func() {
		tick := time.NewTicker(attempt)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			probe, err := s.Send(to, p, port)
			if err != nil {
				continue
			}
			a.made.Add(1)
			a.mu.Lock()
			a.keys[probe.Key] = time.Now()
			a.mu.Unlock()
			a.ended.Go(func() { // long enough for TCP to try again
				select {
				case <-probe.Answered:
				case <-ctx.Done():
				case <-time.After(1500 * time.Millisecond):
				}
				_ = probe.Close()
			})
		}
	})
	return a
}

// Arrived counts the attempts, and the packets of them that have arrived.
func (a *Attempt) Arrived() (made int64, packets int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for k := range a.keys {
		packets += a.to.Arrived(k)
	}
	return a.made.Load(), packets
}

// Through tells, for somebody who has to find out why, which attempts got packets
// through: from where, how many, and when the last one was made.
func (a *Attempt) Through() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	var out []string
	for k, at := range a.keys {
		if n := a.to.Arrived(k); n > 0 {
			out = append(out, fmt.Sprintf("%s, made at %s: %d", k, at.Format("15:04:05.000"), n))
		}
	}
	slices.Sort(out)
	return out
}

// Close stops knocking.
func (a *Attempt) Close() {
	a.cancel()
	a.ended.Wait()
}
