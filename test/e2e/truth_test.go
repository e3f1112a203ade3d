//go:build linux && e2e

package e2e

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/medfence/medfence/internal/verdict"
	"github.com/medfence/medfence/test/e2e/house"
	"github.com/medfence/medfence/test/e2e/lab"
	"github.com/medfence/medfence/test/e2e/truth"
	"github.com/medfence/medfence/test/e2e/ward"
)

func open(t *testing.T, change func(*lab.Options)) *house.House {
	t.Helper()
	o := lab.Options{
		Repository: "../..", Cilium: os.Getenv("MEDFENCE_CILIUM"), Operator: os.Getenv("MEDFENCE_OPERATOR"), Nodes: 2, Log: os.Stderr,
	}
	if change != nil {
		change(&o)
	}
	h, err := house.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return h
}

func TestTable(t *testing.T) {
	began := time.Now()
	h := open(t, nil)
	t.Log("open", time.Since(began))
	began = time.Now()
	questions := truth.Questions(h.Parties, ward.Services())
	outcomes, err := h.Ask(t.Context(), questions)
	if err != nil {
		t.Fatal(err)
	}
	bad := 0
	for _, o := range outcomes {
		if !o.Passed() {
			if bad++; bad < 40 {
				t.Errorf("%s: %s", o.Question, o)
			}
		}
	}
	t.Logf("%d questions, %d did not pass, %s, %d flows", len(questions), bad, time.Since(began), h.Flows.Total())
	if err := h.InstallOperator(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := h.StartOperator(t.Context(), "cilium"); err != nil {
		t.Fatal(err)
	}
	if err := h.Declare(t.Context()); err != nil {
		t.Fatal(err)
	}
	time.Sleep(8 * time.Second)
	began = time.Now()
	if err := h.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Log("settled", time.Since(began))
	objects, err := h.List(t.Context(), append(lab.PolicyKinds, lab.GroupKind)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Log(len(objects), "policies and groups")
	policies := &truth.Policies{Judge: verdict.New(verdict.Semantics{Engine: verdict.Cilium}, objects...), Namespaces: map[string]map[string]string{}}
	conduits, err := truth.ReadConduits("cilium", lab.ClusterRanges, house.Sample("../..")...)
	if err != nil {
		t.Fatal(err)
	}
	began = time.Now()
	outcomes, err = h.Ask(t.Context(), questions)
	if err != nil {
		t.Fatal(err)
	}
	took := time.Since(began)
	bad = 0
	pass := 0
	for _, o := range outcomes {
		v := policies.Says(o.Question)
		want, why := conduits.Says(o.Question)
		if want {
			pass++
		}
		if want != (v.Decision == verdict.Allow) || want && !o.Passed() || !want && !o.Dropped() {
			if bad++; bad < 60 {
				t.Errorf("%s: packet %s; verdict %s; conduits %t (%s)", o.Question, o, v.Decision, want, why)
			}
		}
	}
	fmt.Println(len(questions), "questions,", pass, "pass,", bad, "wrong,", took)
	if os.Getenv("HOLD") != "" {
		t.Log(h.Dir())
		time.Sleep(10 * time.Minute)
	}
}
