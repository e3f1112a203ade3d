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
	got := run(t, "", "matrix", "-f", dir, "-o", "json")
	if !strings.Contains(got.out, `"effective": "OPEN: TCP 9"`) || !strings.Contains(got.out, `"differs": true`) {
		t.Errorf("with the policy:\n%s", got.out)
	}
	why := run(t, "", "explain", "pod/engine/engine-0", "pod/infusion/gateway-0", "9", "-f", dir)
	for _, want := range []string{"The policies themselves say: Allow", "somebody else's NetworkPolicy/infusion/allow-all", "NO, but the policies let it pass"} {
		if !strings.Contains(why.out, want) {
			t.Errorf("explain lacks %q:\n%s", want, why.out)
		}
	}
	if why.code != cli1 {
		t.Errorf("exit %d", why.code)
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
