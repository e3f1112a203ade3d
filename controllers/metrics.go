package controllers

import (
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/apply"
	"github.com/medfence/medfence/internal/guard"
	"github.com/medfence/medfence/internal/plan"
)

// Metrics are what Prometheus reads of the operator. All labels have bounded
// sets of values: kinds, reasons and verbs.
type Metrics struct {
	objects  map[string]*tally // by kind: devices, zones and conduits by state
	policies *tally
	problems *tally
	entries  *prometheus.GaugeVec // by zone
	openings *tally

	reconcileTime *prometheus.HistogramVec
	compileTime   prometheus.Histogram
	repairs       *prometheus.CounterVec
	writes        *prometheus.CounterVec

	mu       sync.Mutex
	expiries map[string]time.Time // by conduit
}

// NewMetrics registers the metrics. One registry takes them once.
func NewMetrics(registry prometheus.Registerer) (*Metrics, error) {
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
	}
	byState := map[string]*prometheus.GaugeVec{
		plan.KindZone:    gauge("medfence_zones", "DeviceZones, by the status and reason of their Ready condition.", "ready", "reason"),
		plan.KindDevice:  gauge("medfence_devices", "MedicalDevices, by the status and reason of their Ready condition.", "ready", "reason"),
		plan.KindConduit: gauge("medfence_conduits", "Conduits, by the status and reason of their Ready condition.", "ready", "reason"),
	}
	policies := gauge("medfence_policies", "Objects that Medfence wrote, by kind.", "kind")
	problems := gauge("medfence_problems", "Problems and warnings, by reason and severity.", "reason", "severity")
	entries := gauge("medfence_policy_map_entries",
		"Estimate of the entries that a zone's guard takes of the policy map of its pods, by zone. Absent where nobody knows.", "zone")
	openings := gauge("medfence_openings", "Rules of other people's policies that let pass what no conduit permits, by state: Open, Possible, or Blocked by the guard.", "state")
	m := &Metrics{
		entries:  entries,
		objects:  map[string]*tally{},
		expiries: map[string]time.Time{},
		policies: newTally(policies),
		problems: newTally(problems),
		openings: newTally(openings),
		reconcileTime: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "medfence_reconcile_seconds", Help: "Time to reconcile one object, by its kind.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2, 15),
		}, []string{"kind"}),
		compileTime: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "medfence_compile_seconds", Help: "Time to compile one zone.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 14),
		}),
		repairs: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "medfence_drift_repairs_total", Help: "Policies that somebody else had changed or deleted, by kind.",
		}, []string{"kind"}),
		writes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "medfence_writes_total", Help: "Writes of policies, by verb and kind.",
		}, []string{"verb", "kind"}),
	}
	expiry := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "medfence_next_expiry_timestamp_seconds",
		Help: "When the next conduit ends, in Unix time; 0 if none does. An operator that is down cannot close it: alert when this lies in the past.",
	}, m.nextExpiry)
	all := []prometheus.Collector{policies, problems, openings, entries, expiry, m.reconcileTime, m.compileTime, m.repairs, m.writes}
	for kind, vec := range byState {
		m.objects[kind] = newTally(vec)
		all = append(all, vec)
	}
	for _, c := range all {
		if err := registry.Register(c); err != nil {
			return nil, fmt.Errorf("registering metrics: %w", err)
		}
	}
	return m, nil
}

// reconciling times a reconcile until the function that it returns is called.
func (m *Metrics) reconciling(kind string) func() {
	begin := time.Now()
	return func() { m.reconcileTime.WithLabelValues(kind).Observe(time.Since(begin).Seconds()) }
}

func (m *Metrics) compiled(took time.Duration) { m.compileTime.Observe(took.Seconds()) }

// applied counts what was written.
func (m *Metrics) applied(s apply.ChangeSet) {
	for verb, list := range map[string][]apply.Change{
		"create": s.Created, "update": s.Updated, "delete": s.Deleted, "repair": s.Repaired,
	} {
		for _, c := range list {
			m.writes.WithLabelValues(verb, c.Kind).Inc()
		}
	}
	for _, c := range s.Repaired {
		m.repairs.WithLabelValues(c.Kind).Inc()
	}
}

// setBudget tells what the guard of a zone costs.
func (m *Metrics) setBudget(zone string, b *guard.Budget) {
	if b == nil || !b.Known {
		m.entries.DeleteLabelValues(zone)
		return
	}
	m.entries.WithLabelValues(zone).Set(float64(b.Written))
}

// setZone counts a zone as its status says.
func (m *Metrics) setZone(z *medfencev1alpha1.DeviceZone) {
	key := types.NamespacedName{Name: z.Name}
	m.set(plan.KindZone, key, z.Status.Conditions, z.Status.Problems)
	kinds := map[labelled]int{}
	for _, p := range z.Status.Policies {
		kinds[labelled{p.Kind}]++
	}
	m.policies.set(tallied{plan.KindZone, key}, kinds)
	states := map[labelled]int{}
	for _, o := range z.Status.Openings {
		states[labelled{string(o.State)}]++
	}
	m.openings.set(tallied{plan.KindZone, key}, states)
}

// set counts an object as its status says.
func (m *Metrics) set(kind string, key types.NamespacedName, conditions []metav1.Condition, problems []medfencev1alpha1.ProblemStatus) {
	state := map[labelled]int{}
	if ready := meta.FindStatusCondition(conditions, medfencev1alpha1.ConditionReady); ready != nil {
		state[labelled{string(ready.Status), ready.Reason}] = 1
	}
	m.objects[kind].set(tallied{kind, key}, state)
	reasons := map[labelled]int{}
	for _, p := range problems {
		reasons[labelled{p.Reason, string(p.Severity)}]++
	}
	m.problems.set(tallied{kind, key}, reasons)
}

// forget stops counting an object that is gone.
func (m *Metrics) forget(kind string, key types.NamespacedName) {
	for _, t := range []*tally{m.objects[kind], m.problems, m.policies, m.openings} {
		t.set(tallied{kind, key}, nil)
	}
}

// setExpiry notes when a conduit ends; the zero time is never.
func (m *Metrics) setExpiry(conduit string, at time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if at.IsZero() {
		delete(m.expiries, conduit)
		return
	}
	m.expiries[conduit] = at
}

func (m *Metrics) nextExpiry() float64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	var next time.Time
	for _, at := range m.expiries {
		if next.IsZero() || at.Before(next) {
			next = at
		}
	}
	if next.IsZero() {
		return 0
	}
	return float64(next.Unix())
}

// forgetAll stops counting everything: another operator may lead now.
func (m *Metrics) forgetAll() {
	for _, t := range m.objects {
		t.reset()
	}
	m.policies.reset()
	m.problems.reset()
	m.entries.Reset()
	m.openings.reset()
	m.mu.Lock()
	defer m.mu.Unlock()
	clear(m.expiries)
}

// A labelled is the values of at most two labels.
type labelled [2]string

// tallied names an object that is counted.
type tallied struct {
	kind string
	key  types.NamespacedName
}

// A tally is a gauge that sums up what single objects contribute, so that what
// is gone is no longer counted.
type tally struct {
	gauge *prometheus.GaugeVec

	mu     sync.Mutex
	shares map[tallied]map[labelled]int
	totals map[labelled]int
}

func newTally(gauge *prometheus.GaugeVec) *tally {
	return &tally{gauge: gauge, shares: map[tallied]map[labelled]int{}, totals: map[labelled]int{}}
}

// set replaces what one object contributes.
func (t *tally) set(of tallied, share map[labelled]int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	old := t.shares[of]
	if maps.Equal(old, share) {
		return
	}
	for l, n := range old {
		t.add(l, -n)
	}
	for l, n := range share {
		t.add(l, n)
	}
	t.shares[of] = share
	if len(share) == 0 {
		delete(t.shares, of)
	}
}

func (t *tally) add(l labelled, n int) {
	t.totals[l] += n
	values := l[:]
	if l[1] == "" {
		values = l[:1]
	}
	if t.totals[l] == 0 {
		delete(t.totals, l)
		t.gauge.DeleteLabelValues(values...)
		return
	}
	t.gauge.WithLabelValues(values...).Set(float64(t.totals[l]))
}

func (t *tally) reset() {
	t.mu.Lock()
	defer t.mu.Unlock()
	clear(t.shares)
	clear(t.totals)
	t.gauge.Reset()
}
