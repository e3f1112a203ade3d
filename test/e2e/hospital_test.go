//go:build linux && e2e

package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/snapshot"
	"github.com/medfence/medfence/test/e2e/house"
	"github.com/medfence/medfence/test/e2e/lab"
	"github.com/medfence/medfence/test/e2e/truth"
	"github.com/medfence/medfence/test/e2e/ward"
)

// TestTheHospital is one long day in one house. The parts build on each other,
// and go on after a failure.
func TestTheHospital(t *testing.T) {
	h := open(t, nil)
	must(t, h.InstallOperator(t.Context()))
	for _, part := range []struct {
		name string
		play func(*testing.T, *house.House)
	}{
		{"without policies everybody reaches everybody", everybodyReachesEverybody},
		{"on cilium only conduits let pass", onCilium},
		{"with imaging enforced too", withImaging},
		{"stories", stories},
		{"change under traffic", changeUnderTraffic},
		{"how long a change takes", latencies},
		{"it holds while operator and API server are down", failStatic},
		{"with NetworkPolicies alone", onNetpol},
	} {
		if !t.Run(part.name, func(t *testing.T) { part.play(t, h) }) && t.Context().Err() != nil {
			return
		}
	}
}

// open doors prove that every packet of the tables can arrive and is seen.
type openDoors struct{}

func (openDoors) Says(truth.Question) (bool, string) { return true, truth.Unrestricted }

func everybodyReachesEverybody(t *testing.T, h *house.House) {
	table, err := h.Table(t.Context(), "no policies", openDoors{}, questions(h))
	must(t, err)
	check(t, table)
}

// operate starts the operator and declares the sample, where no part before has.
func operate(t *testing.T, h *house.House) {
	t.Helper()
	if h.OperatorRuns() {
		return
	}
	must(t, h.StartOperator(t.Context(), string(snapshot.Cilium)))
	must(t, h.Declare(t.Context()))
	must(t, h.Ready(t.Context()))
}

func onCilium(t *testing.T, h *house.House) {
	operate(t, h)
	table, err := h.Table(t.Context(), "the hospital on cilium", declared(t, snapshot.Cilium), questions(h))
	must(t, err)
	keep(t, "cilium", table)
}

func withImaging(t *testing.T, h *house.House) {
	enforceImaging(t, h)
	asked := questions(h)
	if short { // the rest of the table is as before
		imaging := []string{"dicom-rtr", "img-stray", "ct-1"}
		asked = append(of(h, imaging, names(h), ward.Services()), of(h, others(h, imaging...), imaging, ward.Services())...)
	}
	table, err := h.Table(t.Context(), "the hospital on cilium, with imaging enforced", enforced(t, snapshot.Cilium), asked)
	must(t, err)
	keep(t, "cilium-imaging", table)
}

func enforceImaging(t *testing.T, h *house.House) {
	t.Helper()
	operate(t, h)
	z := &medfencev1alpha1.DeviceZone{ObjectMeta: metav1.ObjectMeta{Name: "imaging"}}
	update(t, h, z, func() { z.Spec.Enforcement = medfencev1alpha1.Enforce }) // the operator may be at its status
	must(t, h.Ready(t.Context()))
}

// enforced is declared, with imaging enforced.
func enforced(t *testing.T, target snapshot.TargetKind) *truth.Conduits {
	t.Helper()
	var files []string
	for _, file := range house.Sample(repository) {
		content, err := os.ReadFile(file)
		must(t, err)
		name := filepath.Join(t.TempDir(), filepath.Base(file))
		must(t, os.WriteFile(name, bytes.ReplaceAll(content, []byte("enforcement: Observe"), []byte("enforcement: Enforce")), 0o644))
		files = append(files, name)
	}
	c, err := truth.ReadConduits(target, lab.ClusterRanges, files...)
	must(t, err)
	return c
}

func failStatic(t *testing.T, h *house.House) {
	enforceImaging(t, h)
	h.KillOperator()
	policies, err := h.Table(t.Context(), "the operator was killed", enforced(t, snapshot.Cilium), some(h))
	must(t, err)
	check(t, policies)
	must(t, h.Isolate(t.Context(), true))
	alive := slices.DeleteFunc(some(h), func(q truth.Question) bool { return q.From.APIServer || q.To.APIServer })
	table, err := h.Table(t.Context(), "the operator is dead and the API server unreachable", enforced(t, snapshot.Cilium), alive)
	must(t, errors.Join(err, h.Isolate(t.Context(), false)))
	check(t, table)
	must(t, h.StartOperator(t.Context(), string(snapshot.Cilium)))
	must(t, h.Ready(t.Context()))
}

func onNetpol(t *testing.T, h *house.House) {
	enforceImaging(t, h)
	h.StopOperator()
	must(t, h.StartOperator(t.Context(), string(snapshot.Netpol)))
	must(t, h.Await(t.Context(), "nothing of Cilium's kinds is left", func() error {
		left, err := h.List(t.Context(), lab.PolicyKinds[1:]...)
		if err == nil && len(left) > 0 {
			err = fmt.Errorf("%d are left, %s %s", len(left), left[0].GetKind(), left[0].GetName())
		}
		return err
	}))
	must(t, h.Ready(t.Context()))
	table, err := h.Table(t.Context(), "the hospital with NetworkPolicies alone, on the same agents", enforced(t, snapshot.Netpol), questions(h))
	must(t, err)
	keep(t, "netpol", table)
	opensWithoutGuard(t, h)
}

// opensWithoutGuard is a control of the story of the other team: where there is
// no guard, the same policy opens the wards, and the zone says so.
func opensWithoutGuard(t *testing.T, h *house.House) {
	must(t, h.ApplyText(t.Context(), allowances[0].text))
	defer func() { must(t, h.Delete(context.Background(), allowances[0].text)) }()
	must(t, h.Settle(t.Context()))
	outcomes, err := h.Ask(t.Context(), of(h, []string{"laptop"}, []string{"inf-stray", "lab-mw"}, worms))
	must(t, err)
	for _, o := range outcomes {
		if !o.Passed() {
			t.Errorf("%s beside an allow-all and without a guard: %s", o.Question, o)
		}
	}
	must(t, h.Await(t.Context(), "the zone says that it is open", func() error {
		z := &medfencev1alpha1.DeviceZone{}
		if err := h.Custom.Get(t.Context(), client.ObjectKey{Name: "infusion"}, z); err != nil {
			return err
		}
		c := meta.FindStatusCondition(z.Status.Conditions, medfencev1alpha1.ConditionIsolated)
		if c == nil || c.Reason != medfencev1alpha1.ReasonOpened {
			return fmt.Errorf("its condition is %v", c)
		}
		return nil
	}))
}

// some are the questions of a part that asks again and again: about enforced
// zones, by the ports that matter and three that do not.
func some(h *house.House) []truth.Question {
	return slices.DeleteFunc(questions(h), func(q truth.Question) bool {
		switch q.Service.Port {
		case 0, 53, 104, 123, 443, 445, 3613, 6661, 7001, 8443, 11112, 24105:
			return false
		}
		return true
	})
}

func questions(h *house.House) []truth.Question { return truth.Questions(h.Parties, ward.Services()) }
