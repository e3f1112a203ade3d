package controllers

import (
	"context"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/apply"
	"github.com/medfence/medfence/internal/compile"
	"github.com/medfence/medfence/internal/gather"
	"github.com/medfence/medfence/internal/plan"
	"github.com/medfence/medfence/internal/render"
	"github.com/medfence/medfence/internal/render/cilium"
	"github.com/medfence/medfence/internal/render/object"
	"github.com/medfence/medfence/internal/verdict"
)

const (
	// staleWait is how long a reconciler waits for its cache to catch up.
	staleWait = 20 * time.Millisecond
	// unknownWait is when a zone whose input was unknown looks again unasked.
	unknownWait = time.Minute
	// othersWait is when a zone looks again whether others still stand in the way
	// of its policies: no event of ours tells.
	othersWait = time.Minute
	// longestTimer bounds timers: the clock may be set meanwhile.
	longestTimer = time.Hour
)

// A DeviceZoneReconciler turns zones into policies: one zone a request. A
// request may name a zone that does not exist, so that those who name it hear
// of it.
type DeviceZoneReconciler struct {
	client  client.Client
	gather  *gather.Gatherer
	applier *apply.Applier
	board   *board
	ledger  *ledger
	gate    *gate
	blips   *blips
	scribe  *scribe
	events  *eventSink
	metrics *Metrics
	cilium  bool // Cilium's kinds are served
	// policies reads the policies of everybody from the cache, of these kinds.
	policies  client.Reader
	kinds     []schema.GroupVersionKind
	zones     zoneMap
	order     *lanes
	disguises *disguises
	// memory keeps how policies were read, from one judgement to the next.
	memory *verdict.Memory
	now    func() time.Time
}

// A zoneScope is one pass of a zone, filled phase by phase.
type zoneScope struct {
	name string
	pass uint64
	now  time.Time
	// zone is as it was read; nil where there is none.
	zone     *medfencev1alpha1.DeviceZone
	snapshot *gather.Gathering
	result   compile.Result
	desired  []object.Object
	view     zoneView
}

// planned returns the zone as it was compiled.
func (s *zoneScope) planned() *plan.Zone {
	for i := range s.result.Plan.Zones {
		if s.result.Plan.Zones[i].Name == s.name {
			return &s.result.Plan.Zones[i]
		}
	}
	return &plan.Zone{Name: s.name, Standing: plan.Absent}
}

type zonePhase func(context.Context, *zoneScope) error

// +kubebuilder:rbac:groups=medfence.io,resources=devicezones,verbs=list;watch;patch
// +kubebuilder:rbac:groups=medfence.io,resources=devicezones/status,verbs=patch
// +kubebuilder:rbac:groups=medfence.io,resources=medicaldevices;conduits,verbs=list;watch
// +kubebuilder:rbac:groups=networking.k8s.io,resources=networkpolicies,verbs=get;list;watch;create;update;delete
// +kubebuilder:rbac:groups=cilium.io,resources=ciliumnetworkpolicies;ciliumclusterwidenetworkpolicies;ciliumcidrgroups,verbs=get;list;watch;create;update;delete
// +kubebuilder:rbac:groups=policy.networking.k8s.io,resources=clusternetworkpolicies;adminnetworkpolicies;baselineadminnetworkpolicies,verbs=list;watch
// +kubebuilder:rbac:groups="",resources=namespaces;pods;services;nodes,verbs=list;watch
// +kubebuilder:rbac:groups="",resources=configmaps,resourceNames=cilium-config,verbs=get;list;watch
// +kubebuilder:rbac:groups=cilium.io,resources=ciliumnodeconfigs;ciliumidentities,verbs=list;watch
// +kubebuilder:rbac:groups=networking.k8s.io,resources=servicecidrs,verbs=list;watch
// +kubebuilder:rbac:groups=apiextensions.k8s.io,resources=customresourcedefinitions,verbs=get;list;watch
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch

// Reconcile takes one zone through a pass.
func (r *DeviceZoneReconciler) Reconcile(ctx context.Context, req ctrl.Request) (res ctrl.Result, retErr error) {
	defer r.metrics.reconciling(plan.KindZone)()
	wait, err := r.gate.hold(ctx, req.Name)
	if err != nil || wait > 0 {
		return ctrl.Result{RequeueAfter: wait}, err
	}
	defer r.gate.done(req.Name)
	s := &zoneScope{name: req.Name, now: r.now(), pass: r.board.begin()}
	if stale, err := r.fetch(ctx, s); err != nil || stale {
		return ctrl.Result{RequeueAfter: staleWait}, err
	}
	defer func() {
		switch {
		case r.blips.passing(s.name, retErr, time.Now()):
		case retErr == nil && r.waitsBriefly(s):
			retErr = r.saveRecord(ctx, s)
		default:
			retErr = errors.Join(retErr, r.patchStatus(ctx, s))
		}
		res, retErr = settle(res, retErr)
	}()
	for _, phase := range []zonePhase{r.hold, r.read, r.compile, r.announce, r.render, r.apply, r.isolate, r.release} {
		if err := phase(ctx, s); err != nil {
			return ctrl.Result{}, err
		}
	}
	r.order.dueIn(s.name, s.untilChange())
	return s.next(r.zones.waits.again(s.name, s.view.changes, time.Now())), nil
}

// fetch reads the zone. It reports whether the cache is older than what was
// written last.
func (r *DeviceZoneReconciler) fetch(ctx context.Context, s *zoneScope) (stale bool, err error) {
	zone := &medfencev1alpha1.DeviceZone{}
	err = r.client.Get(ctx, types.NamespacedName{Name: s.name}, zone)
	if apierrors.IsNotFound(err) {
		r.metrics.forget(plan.KindZone, types.NamespacedName{Name: s.name})
		r.metrics.setBudget(s.name, nil)
		r.scribe.forget(types.NamespacedName{Name: s.name})
		r.ledger.forget(s.name)
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("getting the zone: %w", err)
	}
	s.zone = zone
	s.view.was = zone.DeepCopy()
	return r.scribe.behind(zone), nil
}

// hold puts the finalizer on the zone, before anything is written for it.
func (r *DeviceZoneReconciler) hold(ctx context.Context, s *zoneScope) error {
	if s.zone == nil || !s.zone.DeletionTimestamp.IsZero() {
		return nil
	}
	was := s.zone.DeepCopy()
	if !controllerutil.AddFinalizer(s.zone, medfencev1alpha1.FinalizerZone) {
		return nil
	}
	patch := client.MergeFromWithOptions(was, client.MergeFromWithOptimisticLock{})
	if err := r.client.Patch(ctx, s.zone, patch); err != nil {
		return fmt.Errorf("adding the finalizer: %w", err)
	}
	r.scribe.wrote(s.zone)
	s.view.was = s.zone.DeepCopy()
	return nil
}

// read gathers what the compiler must know. What is unknown is not an error:
// nothing is done, and what is in force stays.
func (r *DeviceZoneReconciler) read(ctx context.Context, s *zoneScope) error {
	in, err := r.gather.Zone(ctx, s.name, s.now)
	if unknown, ok := gather.AsUnknown(err); ok {
		s.view.unknown = unknown.Message
		return nil
	}
	if err != nil {
		return fmt.Errorf("gathering: %w", err)
	}
	s.snapshot = in
	s.view.voids = in.Cluster.Voids
	return nil
}

func (r *DeviceZoneReconciler) compile(_ context.Context, s *zoneScope) error {
	if s.snapshot == nil {
		return nil
	}
	begin := time.Now()
	s.result = compile.Compile(s.snapshot.Snapshot)
	r.metrics.compiled(time.Since(begin))
	s.view.planned = s.planned()
	s.view.problems = indexProblems(s.result.Problems).of(plan.KindZone, "", s.name)
	return nil
}

// announce tells the zones that took this one for something else, before it
// writes: it may have to wait for them.
func (r *DeviceZoneReconciler) announce(_ context.Context, s *zoneScope) error {
	if s.snapshot != nil {
		r.board.announce(s.name, fingerprints(s.result.Plan, s.name, s.snapshot.Near))
	}
	return nil
}

func (r *DeviceZoneReconciler) render(_ context.Context, s *zoneScope) error {
	if s.snapshot != nil && s.zone != nil && !s.view.planned.Released {
		s.desired = render.ZoneOf(s.result.Guards, s.name)
		s.view.budget = budgetOf(s.result.Guards, s.result.Plan.Target, s.name)
	}
	return nil
}

// apply writes the zone's policies and prunes what it no longer has. What was
// found out is published whether or not the writing succeeds.
func (r *DeviceZoneReconciler) apply(ctx context.Context, s *zoneScope) error {
	if s.snapshot == nil || s.zone == nil {
		return nil
	}
	if s.view.planned.Standing == plan.Absent && !s.view.planned.Released {
		// Never accepted, or its status is lost: what stands is not to be opened
		// by a mistake in the present spec.
		s.view.changes.Recorded = r.ledger.record(s.zone)
		return nil
	}
	r.zones.expected.set(s.name, s.desired)
	changes, err := r.applier.Apply(ctx, apply.Request{
		Owner:    apply.Owner{Zone: s.name, UID: string(s.zone.UID)},
		Desired:  s.desired,
		Recorded: r.ledger.record(s.zone),
		Cilium:   r.cilium,
		Leaving:  leaving(s.view.planned),
		Groups:   apply.GroupsOf(s.result.Plan),
		Wards:    apply.WardsOf(s.result.Plan),
		Readers:  func(group string) []types.NamespacedName { return cilium.Readers(s.result.Guards, group) },
	})
	s.view.changes = changes
	r.ledger.note(s.zone, changes)
	s.view.failed = failure(err, changes)
	r.report(ctx, s, changes)
	if len(changes.Waiting) > 0 && r.zones.waits.first(s.name) {
		r.hurry(ctx, changes)
	}
	if err != nil {
		return fmt.Errorf("applying: %w", err)
	}
	return r.addOrphans(ctx, s)
}

// hurry wakes those for whose writes a pass waits, if anybody waits for the pass; where
// something is only to be tidied up, in a while: what is permitted goes first.
func (r *DeviceZoneReconciler) hurry(ctx context.Context, changes apply.ChangeSet) {
	if changes.Tidying {
		r.board.tellZones(changes.AwaitedZones)
		return
	}
	r.board.wakeZones(r.order.bequeath(ctx, changes.AwaitedZones))
}

// release lets a deleted zone go once nothing of it is left.
func (r *DeviceZoneReconciler) release(ctx context.Context, s *zoneScope) error {
	if s.snapshot == nil || s.zone == nil || !s.view.planned.Released || len(s.view.changes.Recorded) > 0 {
		return nil
	}
	was := s.zone.DeepCopy()
	if !controllerutil.RemoveFinalizer(s.zone, medfencev1alpha1.FinalizerZone) {
		return nil
	}
	patch := client.MergeFromWithOptions(was, client.MergeFromWithOptimisticLock{})
	if err := r.client.Patch(ctx, s.zone, patch); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("removing the finalizer: %w", err)
	}
	r.scribe.wrote(s.zone)
	r.events.record(zoneReleased(s.zone))
	s.zone = nil
	return nil
}

// next says when the zone is to be looked at again, unasked; waiting is when, if
// it waits for another.
func (s *zoneScope) next(waiting time.Duration) ctrl.Result {
	switch {
	case s.snapshot == nil:
		return ctrl.Result{RequeueAfter: unknownWait}
	case waiting > 0:
		return ctrl.Result{RequeueAfter: waiting}
	}
	after := min(s.untilChange(), longestTimer)
	if others := len(s.view.changes.Altered) + len(s.view.changes.Foreign); others > 0 && (after == 0 || after > othersWait) {
		after = othersWait
	}
	if i := s.view.isolation; i != nil && i.again > 0 && (after == 0 || after > i.again) {
		after = i.again
	}
	return ctrl.Result{RequeueAfter: after}
}

// untilChange returns in how long the clock alone changes what is permitted; 0 is
// never.
func (s *zoneScope) untilChange() time.Duration {
	if s.snapshot == nil {
		return 0
	}
	at := s.result.Plan.NextChange(s.now)
	if at.IsZero() {
		return 0
	}
	return max(at.Sub(s.now), time.Millisecond)
}

// waitsBriefly reports whether the zone waits for others who are about to write,
// and nothing else is new of it: a status that turned for as long as that would
// turn those of all its devices and conduits, and tell nobody anything.
func (r *DeviceZoneReconciler) waitsBriefly(s *zoneScope) bool {
	return s.zone != nil && r.zones.waits.brief(s.name, time.Now()) &&
		s.view.was.Status.ObservedGeneration == s.zone.Generation && s.zone.DeletionTimestamp.IsZero() &&
		meta.IsStatusConditionTrue(s.view.was.Status.Conditions, medfencev1alpha1.ConditionReady)
}

// saveRecord writes of the zone's status what has been written for it, and no
// more.
func (r *DeviceZoneReconciler) saveRecord(ctx context.Context, s *zoneScope) error {
	s.zone.Status.Policies = s.view.changes.Recorded
	_, err := r.scribe.patchStatus(ctx, s.view.was, s.zone)
	return err
}

// patchStatus publishes what the pass found out and writes the zone's status.
func (r *DeviceZoneReconciler) patchStatus(ctx context.Context, s *zoneScope) error {
	r.publish(s)
	if s.zone == nil || s.view.planned == nil && s.view.unknown == "" {
		return nil
	}
	s.view.now = metav1.NewTime(s.now.Truncate(time.Second))
	s.zone.Status = s.view.status()
	wrote, err := r.scribe.patchStatus(ctx, s.view.was, s.zone)
	if err != nil {
		return err
	}
	r.metrics.setZone(s.zone)
	r.metrics.setBudget(s.name, s.view.budget)
	if wrote {
		r.events.record(zoneTransitions(s.view.was, s.zone)...)
	}
	return nil
}

// publish tells devices and conduits what the pass found out.
func (r *DeviceZoneReconciler) publish(s *zoneScope) {
	switch {
	case s.view.unknown != "":
		r.board.conclude(s.pass, s.name, s.view.outcome())
	case s.view.planned == nil:
	default:
		facts := collectFacts(s.name, s.snapshot, s.result)
		facts.outcome = outcome{state: outcomeAbsent}
		if s.zone != nil {
			facts.outcome = s.view.outcome()
			if s.view.isolation == nil {
				facts.outcome.closures = r.board.closures(s.name)
			}
		}
		r.board.publish(s.pass, facts)
		if s.zone == nil && len(facts.devices)+len(facts.conduits) == 0 {
			r.board.forgetZone(s.name)
		}
	}
}
