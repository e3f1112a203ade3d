package oracle

import (
	"os"
	"strings"
	"testing"
)

// TestTheOperatorIsClosedButForItsWork judges the operator's own NetworkPolicy,
// put on another pod: it reaches an API server wherever that runs, is probed and
// scraped, and has no other flow; under Cilium and under plain NetworkPolicies.
func TestTheOperatorIsClosedButForItsWork(t *testing.T) {
	raw, err := os.ReadFile("../../config/manager/network_policy.yaml")
	if err != nil {
		t.Fatal(err)
	}
	policy := strings.NewReplacer(
		"medfence-system", "infusion",
		"matchLabels:\n      app.kubernetes.io/name: medfence\n      app.kubernetes.io/component: operator\n", "matchLabels: {}\n",
	).Replace(string(raw))
	if strings.Contains(policy, "component: operator") {
		t.Fatalf("the policy is not put on other pods:\n%s", policy)
	}
	pods := []flowCase{
		{"guest", "gateway", "tcp/8443", true},
		{"guest", "gateway", "tcp/8081", true},
		{"guest", "gateway", "tcp/9443", false},
		{"gateway", "guest", "tcp/443", true},
		{"gateway", "guest", "tcp/8443", false},
		{"gateway", "guest", "udp/53", false},
	}
	t.Run("cilium", func(t *testing.T) {
		checkCilium(t, append([]flowCase{
			{"gateway", "apiserver", "tcp/6443", true},
			{"gateway", "cloudapi", "tcp/6443", true},
			{"gateway", "cloudapi", "tcp/443", true},
			{"gateway", "apiserver", "tcp/22", false},
			{"gateway", "internet", "tcp/80", false},
			{"host", "gateway", "tcp/8081", true},
			{"node", "gateway", "tcp/8443", true},
			{"node", "gateway", "tcp/9443", false},
		}, pods...), policy)
	})
	t.Run("netpol", func(t *testing.T) {
		j, err := Cyclonus(hospitalWorld(t, policy))
		if err != nil {
			t.Fatal(err)
		}
		checkFlows(t, j, append([]flowCase{
			{"gateway", "cloudapi", "tcp/6443", true},
			{"gateway", "internet", "tcp/80", false},
		}, pods...))
	})
}
