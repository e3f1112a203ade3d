package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const allowAll = `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: allow-all, namespace: infusion}
spec:
  podSelector: {}
  policyTypes: [Ingress, Egress]
  ingress: [{}]
  egress: [{}]
`

// Another team's policy that opens a zone stands in the manifests beside ours:
// matrix and explain name it.
func TestAForeignPolicyThatOpensAZoneIsShown(t *testing.T) {
	dir := t.TempDir()
	scenario, err := os.ReadFile(root + "/test/scenarios/01-two-zones-one-conduit/in.yaml")
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, "in.yaml", string(scenario))
	clean := run(t, "", "matrix", "-f", dir)
	if strings.Contains(clean.out, "OPEN") || !strings.Contains(clean.out, "as intended") {
		t.Errorf("without the policy:\n%s", clean.out)
	}
	write(t, dir, "other.yaml", allowAll)
	got := run(t, "", "matrix", "-f", dir, "-o", "json", "--target", "netpol")
	for _, want := range []string{`"effective": "OPEN: TCP 9"`, `"differs": true`, `"state": "Open"`, `"object": "NetworkPolicy/infusion/allow-all"`} {
		if !strings.Contains(got.out, want) {
			t.Errorf("with the policy: no %s:\n%s", want, got.out)
		}
	}
	why := run(t, "", "explain", "pod/engine/engine-0", "pod/infusion/gateway-0", "9", "-f", dir, "--target", "netpol")
	for _, want := range []string{"The policies themselves say: Allow", "somebody else's NetworkPolicy/infusion/allow-all", "NO, but the policies let it pass"} {
		if !strings.Contains(why.out, want) {
			t.Errorf("explain lacks %q:\n%s", want, why.out)
		}
	}
	if why.code != cli1 {
		t.Errorf("exit %d", why.code)
	}
	if page := run(t, "", "map", "-f", dir, "--target", "netpol"); !strings.Contains(page.out, `"state":"opening"`) {
		t.Error("the map shows no opening")
	}
}

// On Cilium the guard stops the same policy: nothing is open, and matrix, explain
// and map say who wanted it to be.
func TestAForeignPolicyThatTheGuardStopsIsNamed(t *testing.T) {
	dir := t.TempDir()
	scenario, err := os.ReadFile(root + "/test/scenarios/01-two-zones-one-conduit/in.yaml")
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, "in.yaml", string(scenario))
	write(t, dir, "other.yaml", allowAll)
	got := run(t, "", "matrix", "-f", dir)
	for _, want := range []string{"as intended", "stopped by the guard", "NetworkPolicy/infusion/allow-all spec.ingress[0]"} {
		if !strings.Contains(got.out, want) {
			t.Errorf("matrix lacks %q:\n%s", want, got.out)
		}
	}
	why := run(t, "", "explain", "pod/engine/engine-0", "pod/infusion/gateway-0", "9", "-f", dir)
	for _, want := range []string{": NO\n", "The policies themselves say: Deny", "the guard of zone infusion"} {
		if !strings.Contains(why.out, want) {
			t.Errorf("explain lacks %q:\n%s", want, why.out)
		}
	}
	page := run(t, "", "map", "-f", dir).out
	if strings.Contains(page, `"state":"opening"`) || !strings.Contains(page, `"stopped":["NetworkPolicy/infusion/allow-all`) {
		t.Error("the map shows an opening, or not what the guard stops")
	}
}

// Whose label says medfence is not ours for that: only what the plan renders to is.
func TestAForgedLabelIsSomebodyElses(t *testing.T) {
	dir := t.TempDir()
	scenario, err := os.ReadFile(root + "/test/scenarios/01-two-zones-one-conduit/in.yaml")
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, "in.yaml", string(scenario))
	write(t, dir, "other.yaml", strings.Replace(allowAll, "{name: allow-all,", "{name: medfence-x, labels: {app.kubernetes.io/managed-by: medfence},", 1))
	why := run(t, "", "explain", "pod/engine/engine-0", "pod/infusion/gateway-0", "9", "-f", dir, "--target", "netpol")
	if !strings.Contains(why.out, "somebody else's NetworkPolicy/infusion/medfence-x") {
		t.Error(why.out)
	}
}

// On every scenario the policies that are rendered do what is intended.
func TestRenderedPoliciesDoWhatIsIntended(t *testing.T) {
	for _, s := range corpus(t) {
		for _, target := range []string{"netpol", "cilium"} {
			if s.Name == "71-namespace-being-deleted" && target == "netpol" {
				continue // no policy can be written there: the matrix rightly says OPEN
			}
			args := append([]string{"matrix", "-o", "csv", "--target", target, "-f", filepath.Join(s.Dir, "in.yaml")}, cluster...)
			if got := run(t, "", args...); strings.Contains(got.out, "OPEN") || strings.Contains(got.out, "CUT") {
				t.Errorf("%s on %s:\n%s", s.Name, target, got.out)
			}
		}
	}
}

// What others' policies open is a difference like any other: it fails the check,
// and a flow that a conduit opens says so where it passed already.
func TestDiffJudgesThePoliciesOfOthers(t *testing.T) {
	scenario, err := os.ReadFile(root + "/test/scenarios/01-two-zones-one-conduit/in.yaml")
	if err != nil {
		t.Fatal(err)
	}
	plain, opened := t.TempDir(), t.TempDir()
	write(t, plain, "in.yaml", string(scenario))
	write(t, opened, "in.yaml", string(scenario))
	write(t, opened, "other.yaml", allowAll)
	bare := withoutConduits(t, filepath.Join(opened, "in.yaml"))
	for name, tc := range map[string]struct {
		args []string
		code int
		want []string
	}{
		"a policy that opens": {
			[]string{"--against", plain, "-f", opened, "--target", "netpol"}, cli1,
			[]string{"2 openings", "Policies of others: new", "! OPENS zone infusion: NetworkPolicy/infusion/allow-all spec.ingress[0]"},
		},
		"and its end": {
			[]string{"--against", opened, "-f", plain, "--target", "netpol"}, cli0,
			[]string{"Policies of others: gone", "- OPENS zone infusion: NetworkPolicy/infusion/allow-all spec.ingress[0]"},
		},
		"a policy that the guard stops": {
			[]string{"--against", plain, "-f", opened}, cli0, []string{"nothing changes"},
		},
		"a conduit for what passes already": {
			[]string{"--against", bare, "--against", filepath.Join(opened, "other.yaml"), "-f", opened, "--target", "netpol"}, cli1,
			[]string{"it passes already: NetworkPolicy/infusion/allow-all allows it"},
		},
		"the end of a conduit that goes on passing": {
			[]string{"--against", opened, "-f", bare, "-f", filepath.Join(opened, "other.yaml"), "--target", "netpol"}, cli0,
			[]string{"it still passes: NetworkPolicy/infusion/allow-all allows it"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, format := range []string{"text", "markdown", "json"} {
				got := run(t, "", append([]string{"diff", "-q", "-o", format}, tc.args...)...)
				if got.code != tc.code {
					t.Errorf("%s: exit %d, want %d: %s%s", format, got.code, tc.code, got.out, got.errOut)
				}
				for _, want := range tc.want {
					if format == "text" && !strings.Contains(got.out, want) {
						t.Errorf("lacks %q:\n%s", want, got.out)
					}
				}
			}
		})
	}
}
