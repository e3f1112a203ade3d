package controllers

import (
	"errors"
	"strings"
	"testing"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
)

func TestAnOperatorThatMayNotWriteSaysSoInEveryStatus(t *testing.T) {
	b := newHappy(t, "netpol")
	b.stop()
	o := b.operator
	const why = "the CRDs of cilium.io are not installed, and --target=cilium needs them"
	if err := o.strand(t.Context(), why); err != nil {
		t.Fatal(err)
	}
	zone, device, conduit := &medfencev1alpha1.DeviceZone{}, &medfencev1alpha1.MedicalDevice{}, &medfencev1alpha1.Conduit{}
	if err := errors.Join(b.object(zone, "infusion"), b.object(device, "infusion/pump-gateway"), b.object(conduit, "library-to-pumps")); err != nil {
		t.Fatal(err)
	}
	for kind, said := range map[string]string{"zone": words(zone), "device": words(device), "conduit": words(conduit)} {
		for _, condition := range []string{"Ready", "Enforced"} {
			want := condition + "=Unknown InputUnknown: " + why + "; install them again, or let the operator write for another target"
			if !strings.Contains(said, want) {
				t.Errorf("the %s does not say %q:\n%s", kind, want, said)
			}
		}
		if strings.Contains(said, "Isolated=True") {
			t.Errorf("the %s still says that it is isolated:\n%s", kind, said)
		}
	}
	b.calls.reset()
	if err := o.strand(t.Context(), why); err != nil {
		t.Fatal(err)
	}
	if got := b.calls.seen(""); len(got) > 0 {
		t.Errorf("it says the same again: %v", got)
	}
	b.start()
	b.ready(zone, "infusion", "True", medfencev1alpha1.ReasonEnforced)
	b.ready(conduit, "library-to-pumps", "True", medfencev1alpha1.ReasonEnforced)
}
