package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/medfence/medfence/test/bench/gauge"
	"github.com/medfence/medfence/test/bench/report"
	"github.com/medfence/medfence/test/bench/stage"
	"github.com/medfence/medfence/test/hospital"
)

// driftWait is how long a peer is given to put back what somebody deleted.
const driftWait = 5 * time.Second

// A peer is what a user would otherwise take: a folder of manifests for the
// hospital of the run, applied by kubectl, as a pipeline does with what `helm
// template` prints. All of it is applied after each change: nobody tells kubectl
// what has changed.
type peer struct {
	objects []*unstructured.Unstructured
	folder  string
}

// peers compares a peer with the operator, both from nothing and by turns.
func peers(ctx context.Context, b *bench) error {
	if b.peer == "" {
		return nil
	}
	p, err := readPeer(b.peer)
	if err != nil {
		return err
	}
	if p.folder, err = os.MkdirTemp(b.options.Dir, "peer-"); err != nil {
		return fmt.Errorf("making a folder: %w", err)
	}
	at := fmt.Sprintf("netpol, %d devices, %d manifests", b.n, len(p.objects))
	row := func(measure, unit string) *report.Row {
		return &report.Row{Scenario: "peer", Case: at, Measure: measure, Unit: unit, Against: "Medfence"}
	}
	rows := peerRows{
		cold: row("cold, to the last policy", "s"), change: row("one change, to its policy", "ms"),
		writes: row("requests a change", "requests"), missing: row("deleted policies missing after 5 s", "policies"),
	}
	declared, err := b.declared(ctx, stage.Netpol, b.n)
	if err != nil {
		return err
	}
	for i := range b.rounds {
		err := b.with(ctx, declared, stage.Netpol, func(s *stage.Stage) error { return p.measure(ctx, s, rows, i) })
		if err != nil {
			return err
		}
		err = b.with(ctx, declared, stage.Netpol, func(s *stage.Stage) error { return b.measurePeerBound(ctx, s, rows, i) })
		if err != nil {
			return fmt.Errorf("the operator: %w", err)
		}
	}
	for _, r := range []*report.Row{rows.cold, rows.change, rows.writes, rows.missing} {
		b.add(r)
	}
	return nil
}

type peerRows struct{ cold, change, writes, missing *report.Row }

// readPeer reads all manifests below a folder.
func readPeer(folder string) (*peer, error) {
	p := &peer{}
	err := filepath.WalkDir(folder, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".yaml") {
			return err
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		objects, err := stage.Parse(bytes.NewReader(raw))
		p.objects = append(p.objects, objects...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading the peer: %w", err)
	}
	if p.workload() == nil {
		return nil, fmt.Errorf("%s has no NetworkPolicy for labels in its .yaml files: see docs/performance.md for how to make one", folder)
	}
	return p, nil
}

// workload returns the policy that is changed and deleted.
func (p *peer) workload() *unstructured.Unstructured {
	for _, o := range p.objects {
		if labels, _, _ := unstructured.NestedStringMap(o.Object, "spec", "podSelector", "matchLabels"); o.GetKind() == "NetworkPolicy" && len(labels) > 0 {
			return o
		}
	}
	return nil
}

// apply applies all of it, as people do.
func (p *peer) apply(ctx context.Context, s *stage.Stage) error {
	var all bytes.Buffer
	for _, o := range p.objects {
		raw, err := yaml.Marshal(o.Object)
		if err != nil {
			return fmt.Errorf("writing manifests: %w", err)
		}
		all.WriteString("---\n")
		all.Write(raw)
	}
	file := filepath.Join(p.folder, "all.yaml")
	if err := os.WriteFile(file, all.Bytes(), 0o600); err != nil {
		return fmt.Errorf("writing manifests: %w", err)
	}
	if out, err := s.Cluster.Kubectl(ctx, "apply", "--server-side", "--force-conflicts", "-f", file).CombinedOutput(); err != nil {
		return fmt.Errorf("kubectl apply: %w\n%s", err, out[max(0, len(out)-1000):])
	}
	return nil
}

func (p *peer) measure(ctx context.Context, s *stage.Stage, rows peerRows, round int) error {
	begin := time.Now()
	if err := p.apply(ctx, s); err != nil {
		return err
	}
	rows.cold.Subject = append(rows.cold.Subject, seconds(time.Since(begin)))
	sight, err := s.Watch(ctx, s.PolicyKind(), "")
	if err != nil {
		return err
	}
	defer sight.Close()
	app := fmt.Sprintf("peer-%d", round)
	if err := unstructured.SetNestedField(p.workload().Object, app, "spec", "podSelector", "matchLabels", "app"); err != nil {
		return fmt.Errorf("changing a manifest: %w", err)
	}
	if _, err := s.Audit.Next(""); err != nil {
		return err
	}
	begin = time.Now()
	applied := make(chan error, 1)
	go func() { applied <- p.apply(ctx, s) }()
	seen, err := sight.Await(ctx, stage.Mentions("app:"+app+"]"))
	if err := errors.Join(err, <-applied); err != nil {
		return err
	}
	rows.change.Subject = append(rows.change.Subject, milliseconds(seen.Sub(begin)))
	requests, err := s.Audit.Next("")
	rows.writes.Subject = append(rows.writes.Subject, float64(len(gauge.Of(requests, gauge.IsPolicyWrite))))
	if err != nil {
		return err
	}
	missing, err := missingAfterDrift(ctx, s, p.workload())
	rows.missing.Subject = append(rows.missing.Subject, missing)
	return err
}

// measurePeerBound measures the same of the operator.
func (b *bench) measurePeerBound(ctx context.Context, s *stage.Stage, rows peerRows, round int) error {
	o, err := s.StartOperator(false)
	if err != nil {
		return err
	}
	defer o.Stop()
	if err := o.Settle(ctx, idle); err != nil {
		return err
	}
	all, err := s.Audit.Next(stage.OperatorUser)
	if err != nil {
		return err
	}
	rows.cold.Bound = append(rows.cold.Bound, seconds(lastWrite(gauge.Of(all, gauge.IsPolicyWrite)).Sub(o.Started)))
	c, err := newChanger(ctx, s)
	if err != nil {
		return err
	}
	defer c.close()
	if _, err := s.Audit.Next(""); err != nil {
		return err
	}
	took, err := c.subject(ctx, round, max(b.n/hospital.PerWard, 1))
	if err != nil {
		return err
	}
	rows.change.Bound = append(rows.change.Bound, milliseconds(took))
	if err := o.Settle(ctx, idle); err != nil {
		return err
	}
	requests, err := s.Audit.Next(stage.OperatorUser)
	if err != nil {
		return err
	}
	rows.writes.Bound = append(rows.writes.Bound, float64(len(gauge.Of(requests, gauge.IsPolicyWrite))))
	list, err := victims(ctx, s)
	if err != nil {
		return err
	}
	missing, err := missingAfterDrift(ctx, s, list[0])
	rows.missing.Bound = append(rows.missing.Bound, missing)
	return err
}

// missingAfterDrift deletes a policy, waits, and returns how many are missing.
func missingAfterDrift(ctx context.Context, s *stage.Stage, policy *unstructured.Unstructured) (float64, error) {
	sight, err := s.Watch(ctx, s.PolicyKind(), policy.GetNamespace())
	if err != nil {
		return 0, err
	}
	defer sight.Close()
	if err := s.Admin.Delete(ctx, policy.DeepCopy()); err != nil {
		return 0, fmt.Errorf("deleting a policy: %w", err)
	}
	waiting, cancel := context.WithTimeout(ctx, driftWait)
	defer cancel()
	_, err = sight.Await(waiting, func(e watch.Event, o *unstructured.Unstructured) bool {
		return e.Type == watch.Added && client.ObjectKeyFromObject(o) == client.ObjectKeyFromObject(policy)
	})
	if errors.Is(err, context.DeadlineExceeded) {
		return 1, nil
	}
	return 0, err
}

// writeHospital writes the manifests of the run's hospital, for a peer to be made
// of.
func writeHospital(folder string, n int) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return fmt.Errorf("making a folder: %w", err)
	}
	for w, ward := range hospital.Large(n) {
		var all bytes.Buffer
		for _, o := range ward {
			raw, err := yaml.Marshal(o)
			if err != nil {
				return fmt.Errorf("writing the hospital: %w", err)
			}
			all.WriteString("---\n")
			all.Write(raw)
		}
		if err := os.WriteFile(filepath.Join(folder, hospital.WardName(w)+".yaml"), all.Bytes(), 0o600); err != nil {
			return fmt.Errorf("writing the hospital: %w", err)
		}
	}
	return nil
}
