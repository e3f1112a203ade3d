package helm

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/promql/parser"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// foreign are metrics that others make: Prometheus itself, controller-runtime,
// and the Go runtime.
var foreign = []string{"up", "leader_election_master_status", "process_resident_memory_bytes", "process_cpu_seconds_total"}

// known returns the metrics of docs/operations.md, which is written from the
// source, with their labels.
func known(t *testing.T) map[string][]string {
	t.Helper()
	text, err := os.ReadFile("../../docs/operations.md")
	must(t, err)
	out := map[string][]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `(medfence_[a-z_]+)` \\| ([a-z]+) \\| ([a-z, ]*)\\|").FindAllStringSubmatch(string(text), -1) {
		name := row[1]
		if row[2] == "histogram" {
			name += "_bucket"
		}
		out[name] = append(strings.Split(strings.TrimSpace(row[3]), ", "), "le", "job", "namespace")
	}
	if len(out) < 10 {
		t.Fatalf("only %d metrics are known", len(out))
	}
	return out
}

// checkQuery parses a query as Prometheus does, and looks for metrics and labels
// that nobody exports: such a query never fails, and never speaks.
func checkQuery(t *testing.T, where, query string) {
	t.Helper()
	expr, err := parser.ParseExpr(query)
	if err != nil {
		t.Errorf("%s: %v in %s", where, err, query)
		return
	}
	metrics := known(t)
	parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
		switch n := node.(type) {
		case *parser.VectorSelector:
			labels, ours := metrics[n.Name]
			if !ours && !slices.Contains(foreign, n.Name) {
				t.Errorf("%s: nobody exports %s", where, n.Name)
			}
			for _, m := range n.LabelMatchers {
				if ours && m.Name != "__name__" && !slices.Contains(labels, m.Name) {
					t.Errorf("%s: %s has no label %s", where, n.Name, m.Name)
				}
			}
			if !strings.Contains(n.String(), `job="medfence-metrics"`) {
				t.Errorf("%s: %s is not asked of our job alone", where, n)
			}
		case *parser.AggregateExpr:
			for _, label := range n.Grouping {
				found := false
				parser.Inspect(n.Expr, func(inner parser.Node, _ []parser.Node) error {
					if v, ok := inner.(*parser.VectorSelector); ok && slices.Contains(metrics[v.Name], label) {
						found = true
					}
					return nil
				})
				if !found {
					t.Errorf("%s: no metric in %s has the label %s", where, n, label)
				}
			}
		}
		return nil
	})
}

func TestAlertsAskForWhatThereIs(t *testing.T) {
	rule := pick(t, render(t, everything), "PrometheusRule", "medfence-operator")
	groups := field[[]any](t, rule, "spec", "groups")
	alerts := map[string]map[string]any{}
	for _, r := range groups[0].(map[string]any)["rules"].([]any) {
		alert := r.(map[string]any)
		name := alert["alert"].(string)
		alerts[name] = alert
		checkQuery(t, name, alert["expr"].(string))
		annotations := alert["annotations"].(map[string]any)
		if annotations["summary"] == nil || annotations["description"] == nil || alert["labels"].(map[string]any)["severity"] == nil {
			t.Errorf("%s does not say what is wrong, what to do, and how bad it is", name)
		}
	}
	for _, want := range []string{"MedfenceOpened", "MedfenceDriftStorm", "MedfenceZoneNotReady", "MedfencePolicyMapBudget", "MedfenceDown", "MedfenceExpiryMissed"} {
		if alerts[want] == nil {
			t.Errorf("there is no alert %s", want)
		}
	}
	if got := alerts["MedfencePolicyMapBudget"]["expr"]; !strings.HasSuffix(got.(string), "> 7372") {
		t.Errorf("nine tenths of 8192 are 7372: %s", got)
	}
}

func TestTheDashboardAsksForWhatThereIs(t *testing.T) {
	config := pick(t, render(t, everything), "ConfigMap", "medfence-dashboard")
	var dashboard struct {
		UID    string `json:"uid"`
		Panels []struct {
			ID      int    `json:"id"`
			Title   string `json:"title"`
			GridPos struct{ X, Y, W, H int }
			Targets []struct {
				Expr string `json:"expr"`
			} `json:"targets"`
		} `json:"panels"`
	}
	must(t, json.Unmarshal([]byte(field[string](t, config, "data", "medfence.json")), &dashboard))
	if len(dashboard.Panels) < 10 || dashboard.UID == "" {
		t.Fatalf("it has %d panels", len(dashboard.Panels))
	}
	taken := map[[2]int]string{}
	ids := map[int]bool{}
	for _, p := range dashboard.Panels {
		if ids[p.ID] {
			t.Errorf("%s has the id of another panel", p.Title)
		}
		ids[p.ID] = true
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other := taken[[2]int{x, y}]; other != "" || x >= 24 {
					t.Fatalf("%s lies on %s, or outside", p.Title, other)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
		for _, target := range p.Targets {
			checkQuery(t, p.Title, target.Expr)
		}
	}
	if labels := config.GetLabels(); labels["grafana_dashboard"] != "1" {
		t.Errorf("the sidecar does not find it by %v", labels)
	}
}

// TestScrapingFindsTheService: the alerts go by the job, which is the Service's
// name.
func TestScrapingFindsTheService(t *testing.T) {
	objects := render(t, everything)
	service := pick(t, objects, "Service", "medfence-metrics")
	monitor := pick(t, objects, "ServiceMonitor", "medfence-operator")
	selector, _, err := unstructured.NestedStringMap(monitor.Object, "spec", "selector", "matchLabels")
	must(t, err)
	for k, v := range selector {
		if service.GetLabels()[k] != v {
			t.Errorf("it selects %s=%s, the Service has %v", k, v, service.GetLabels())
		}
	}
	others := 0
	for _, o := range objects {
		if o.GetKind() == "Service" {
			others++
		}
	}
	if others != 1 {
		t.Errorf("there are %d Services", others)
	}
	binding := pick(t, objects, "ClusterRoleBinding", "medfence-metrics-reader")
	if got := field[[]any](t, binding, "subjects")[0].(map[string]any); got["namespace"] != "monitoring" || got["name"] != "prometheus-k8s" {
		t.Errorf("the reader is %v", got)
	}
}
