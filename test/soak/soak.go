package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/medfence/medfence/test/controlplane"
	"github.com/medfence/medfence/test/stage"
	"github.com/medfence/medfence/test/weather"
)

// options say how long to soak what.
type options struct {
	length time.Duration
	zones  int
	seed   uint64
	dir    string // of all that is written
	out    io.Writer
}

const (
	// roundLength is how long people change things between two rests.
	roundLength = 20 * time.Second
	// sampling is the time between two samples.
	sampling = 10 * time.Second
	// pause is the time between two edits.
	pause = 80 * time.Millisecond
	// patience is how long the cluster may take to be as it should be, at rest.
	patience = 5 * time.Minute
)

// A soak under way.
type soak struct {
	options
	begin    time.Time
	stage    *stage.Stage
	road     *weather.Proxy
	now      string // the weather
	asked    int64  // in earlier weathers
	operator *process
	ward     *ward
	judge    *judge
	dice     *rand.Rand
	sampled  time.Time
	result   result
}

// run soaks, and returns what it found; an error if it could not.
func run(ctx context.Context, o options) (*result, error) {
	if err := os.MkdirAll(o.dir, 0o755); err != nil {
		return nil, fmt.Errorf("making a folder for the results: %w", err)
	}
	theatre, err := stage.Start(ctx, stage.Options{Options: controlplane.Options{WithoutControllerManager: true}})
	if err != nil {
		return nil, fmt.Errorf("starting a cluster: %w", err)
	}
	defer theatre.Stop() //nolint:errcheck // what matters is written by then
	road, err := weather.NewProxy(theatre.Operator)
	if err != nil {
		return nil, fmt.Errorf("starting the proxy: %w", err)
	}
	defer road.Close()
	s := &soak{
		options: o, stage: theatre, road: road, now: "good", judge: &judge{theatre.Admin},
		ward: newWard(theatre.Admin, o.zones, o.seed), dice: rand.New(rand.NewPCG(o.seed, 0x77656174686572)),
	}
	s.result.Zones = o.zones
	if err := s.ward.build(ctx); err != nil {
		return nil, fmt.Errorf("building the hospital: %w", err)
	}
	if s.operator, err = startOperator(ctx, o.dir, road.Config()); err != nil {
		return nil, err
	}
	err = s.rounds(ctx)
	if stopErr := s.operator.stop(); stopErr != nil {
		s.fault("%v", stopErr)
	}
	s.conclude()
	return &s.result, err
}

func (s *soak) fault(format string, args ...any) {
	s.result.Faults = append(s.result.Faults, fmt.Sprintf(format, args...))
}

// rounds alternates change and rest until the time is over.
func (s *soak) rounds(ctx context.Context) error {
	s.begin = time.Now()
	header(s.out)
	if err := s.rest(ctx); err != nil {
		return err
	}
	for time.Since(s.begin) < s.length && len(s.result.Faults) == 0 {
		if err := s.change(ctx, min(roundLength, s.length/3)); err != nil {
			return err
		}
		if err := s.rest(ctx); err != nil {
			return err
		}
	}
	s.result.Minutes = time.Since(s.begin).Minutes()
	return nil
}

// change lets people edit for a while: in good weather, then in bad.
func (s *soak) change(ctx context.Context, length time.Duration) error {
	begin, turned := time.Now(), false
	for time.Since(begin) < length {
		if !turned && time.Since(begin) > length/3 {
			all := weather.All()
			s.turn(all[s.dice.IntN(len(all))])
			turned = true
		}
		if err := s.ward.churn(ctx); err != nil {
			return fmt.Errorf("changing the hospital: %w", err)
		}
		if err := s.look(ctx); err != nil {
			return err
		}
		if err := sleep(ctx, pause); err != nil {
			return err
		}
	}
	s.turn(weather.Weather{Name: "good"})
	return nil
}

func (s *soak) turn(to weather.Weather) {
	s.result.Struck += s.road.Struck()
	s.asked += s.road.Asked()
	s.now = to.Name
	s.road.Turn(to)
}

// rest makes all as many as at the beginning, and waits until the cluster is as
// a fresh look at it would have it.
func (s *soak) rest(ctx context.Context) error {
	if err := s.ward.restore(ctx); err != nil {
		return fmt.Errorf("restoring the hospital: %w", err)
	}
	begin := time.Now()
	for calm := 0; calm < 3; {
		differences, err := s.judge.differences(ctx)
		if err != nil {
			return err
		}
		now, err := s.sample(ctx)
		if err != nil {
			return err
		}
		calm++
		if len(differences) > 0 || now.Queue > 0 {
			calm = 0
		}
		if time.Since(begin) > patience {
			s.fault("after %s at rest the cluster is not what it should be, %d are queued: %q", patience, int(now.Queue), differences[:min(len(differences), 10)])
			return nil
		}
		if err := sleep(ctx, 400*time.Millisecond); err != nil {
			return err
		}
	}
	s.result.Longest = max(s.result.Longest, time.Since(begin).Seconds())
	s.result.Rests++
	now, err := s.sample(ctx)
	if err != nil {
		return err
	}
	now.Resting = true
	s.keep(now)
	return nil
}

// look takes a sample where one is due.
func (s *soak) look(ctx context.Context) error {
	if time.Since(s.sampled) < sampling {
		return nil
	}
	now, err := s.sample(ctx)
	if err == nil {
		s.keep(now)
	}
	return err
}

func (s *soak) keep(now sample) {
	s.sampled = time.Now()
	s.result.Samples = append(s.result.Samples, now)
	now.row(s.out)
}

// sample asks the operator, which may be about to start.
func (s *soak) sample(ctx context.Context) (sample, error) {
	var m reading
	var err error
	for deadline := time.Now().Add(patience); ; {
		if m, err = s.operator.read(ctx); err == nil {
			err = whole(m)
		}
		if err == nil || time.Now().After(deadline) {
			break
		}
		if err := sleep(ctx, 200*time.Millisecond); err != nil {
			return sample{}, err
		}
	}
	if err != nil {
		return sample{}, err
	}
	resident, err := residentSet(s.operator.command.Process.Pid)
	if err != nil {
		return sample{}, err
	}
	out := sampleOf(m, resident)
	out.Seconds, out.Weather, out.Objects = time.Since(s.begin).Seconds(), s.now, s.ward.objects()
	out.Requests = float64(s.asked + s.road.Asked())
	return out, nil
}

// conclude judges the samples and the operator's log.
func (s *soak) conclude() {
	r := &s.result
	r.Edits = s.ward.edits
	resting := slices.DeleteFunc(slices.Clone(r.Samples), func(x sample) bool { return !x.Resting })
	if len(resting) > 1 {
		resting = resting[1:] // that of the start
	}
	r.Trends = trendsOf(resting)
	for _, t := range r.Trends {
		if !t.Flat {
			s.fault("%s", t)
		}
	}
	for _, x := range r.Samples {
		if x.Panics > 0 {
			s.fault("%.0f passes ended in a panic", x.Panics)
			break
		}
	}
	log, err := os.ReadFile(filepath.Join(s.dir, "operator.log"))
	if err != nil {
		s.fault("reading the operator's log: %v", err)
	}
	for _, word := range []string{"panic", "DATA RACE", "fatal error"} {
		if at := bytes.Index(log, []byte(word)); at >= 0 {
			s.fault("the operator's log says %q", log[at:min(len(log), at+300)])
		}
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return fmt.Errorf("soaking: %w", context.Cause(ctx))
	case <-time.After(d):
		return nil
	}
}
