package object_test

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/medfence/medfence/internal/plan"
	"github.com/medfence/medfence/internal/render/object"
)

func TestAnAllowIsNamedAfterItsWorkload(t *testing.T) {
	cases := map[string]struct{ workload, want string }{
		"a plain name is kept":                     {"pump-gateway-1a2b3c4d5e", "medfence-pump-gateway-1a2b3c4d5e"},
		"a name like a baseline's is kept apart":   {"baseline-infusion", "medfence-pods-baseline-infusion"},
		"a name like a guard's is kept apart":      {"guard-infusion", "medfence-pods-guard-infusion"},
		"a name like a moat's is kept apart":       {"moat-1", "medfence-pods-moat-1"},
		"a name that only begins so is kept":       {"baselines", "medfence-baselines"},
		"an invalid name is made valid and unique": {"Pump_Gateway", "medfence-pump-gateway-b357d75d2f"},
		"another one does not become the same":     {"pump_gateway", "medfence-pump-gateway-15dbe9060b"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := object.AllowName(&plan.Workload{Name: tc.workload}); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func TestNamesFitWhateverTheInput(t *testing.T) {
	for _, in := range []string{
		"", "-", "...", "ünïcode", "a b", strings.Repeat("x", 500), strings.Repeat("-", 500), "\x00\xff",
		strings.Repeat("long.", 80),
	} {
		for _, got := range []string{
			object.AllowName(&plan.Workload{Name: in}), object.BaselineName(in), object.GroupName(in),
		} {
			if errs := validation.IsDNS1123Subdomain(got); len(errs) > 0 {
				t.Errorf("%q becomes %q: %v", in, got, errs)
			}
		}
	}
}

func TestLongNamesThatDifferAtTheirEndStayDifferent(t *testing.T) {
	long := strings.Repeat("x", 300)
	a, b := object.BaselineName(long+"a"), object.BaselineName(long+"b")
	if a == b {
		t.Errorf("both become %q", a)
	}
	if len(a) != 253 || !strings.HasPrefix(a, "medfence-baseline-xxx") {
		t.Errorf("%q is not as long and as readable as can be", a)
	}
}

func FuzzNames(f *testing.F) {
	f.Add("pump")
	f.Add("Ä.-")
	f.Fuzz(func(t *testing.T, in string) {
		got := object.BaselineName(in)
		if errs := validation.IsDNS1123Subdomain(got); len(errs) > 0 {
			t.Errorf("%q becomes %q: %v", in, got, errs)
		}
	})
}
