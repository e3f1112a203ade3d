package opening_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/medfence/medfence/internal/opening"
	"github.com/medfence/medfence/internal/snapshot"
	"github.com/medfence/medfence/internal/verdict"
)

// labels are n requirements on labels of their own.
func labels(prefix string, n int) string {
	var out []string
	for i := range n {
		out = append(out, fmt.Sprintf("{key: %s-%d, operator: NotIn, values: [a]}", prefix, i))
	}
	return "{matchExpressions: [" + strings.Join(out, ", ") + "]}"
}

// Who may write policies in a namespace of a zone can part its pods, and their
// peers, into thousands of classes each: to look at all pairs would take hours.
// What is not looked at is said to be open, perhaps; and nobody takes the
// judgement from the rules of others.
func TestNobodyKeepsTheJudgeBusyForLong(t *testing.T) {
	t.Parallel()
	var theirs strings.Builder
	for i := range 30 {
		theirs.WriteString(strings.Replace(netpol(fmt.Sprintf(`podSelector: %s, policyTypes: [Ingress], ingress: [{from: [{podSelector: %s, namespaceSelector: {}}]}]`,
			labels("near", 6), labels("far", 3))), "theirs", fmt.Sprintf("busy-%02d", i), 1) + "---\n")
	}
	theirs.WriteString(netpol(`podSelector: {matchLabels: {app: gateway}}, policyTypes: [Ingress], ingress: [{from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: guests}}}], ports: [{port: 80}]}]`))
	got := find(t, baseline+"---"+allows, theirs.String())
	whole := 0
	for _, o := range got.Openings {
		switch {
		case strings.HasPrefix(o.Policy.Name, "busy-") && o.Unsure != "":
			whole++
		case strings.HasPrefix(o.Policy.Name, "busy-"):
			t.Errorf("%s is looked at, all of it: %s", o.Policy.Name, lines([]opening.Opening{o}))
		}
	}
	if whole != 30 {
		t.Errorf("%d of 30 rules are reported whole", whole)
	}
	if text := strings.Join(lines(got.Openings), "\n"); !strings.Contains(text, "ingress spec.ingress[0]: pods of infusion with app=gateway | pods of namespace guests | TCP 80") {
		t.Errorf("what one rule opens is lost among them:\n%s", text)
	}
}

func TestManyClosuresAreNotLookedAtForLong(t *testing.T) {
	t.Parallel()
	text := cnp("endpointSelector: " + labels("near", 6) + ", egressDeny: [{toEndpoints: [" + labels("far", 1) + "]}]")
	p := hospital()
	for i := range 2000 {
		c := p.Conduits[0]
		c.Name = fmt.Sprintf("again-%04d", i)
		p.Conduits = append(p.Conduits, c)
	}
	got := opening.Find(opening.Input{
		Semantics: verdict.Semantics{Engine: verdict.Cilium}, Plan: p, Zone: "infusion",
		Own: parse(t, baseline+"---"+allows), Foreign: parse(t, text), Namespaces: []snapshot.Namespace{{Name: "infusion"}, {Name: "pacs"}},
	})
	if len(got.Closures) != 1 || got.Closures[0].Unsure == "" {
		t.Errorf("%d closures: %+v", len(got.Closures), got.Closures[:min(3, len(got.Closures))])
	}
}
