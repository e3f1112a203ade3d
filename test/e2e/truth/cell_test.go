package truth

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"

	"github.com/medfence/medfence/internal/flow"
	"github.com/medfence/medfence/internal/verdict"
	"github.com/medfence/medfence/test/e2e/ward"
)

func question(port uint16) Question {
	return Question{
		From: &ward.Party{Name: "laptop"}, To: &ward.Party{Name: "gateway"},
		Source: netip.MustParseAddr("10.9.8.7"), Destination: netip.MustParseAddr("10.244.1.7"),
		Service: ward.Service{Protocol: flow.TCP, Port: port},
	}
}

// right are cells with nothing wrong.
func right() (passes, drops Cell) {
	passes = Cell{
		Question: question(443), Permitted: true, Why: "Conduit/a", Verdict: verdict.Allow, Passed: true, Seen: "passed",
		Rules: []Rule{{Policy: "CiliumNetworkPolicy/x/medfence-y", Ours: true, Conduits: []string{"a", "b"}}},
	}
	drops = Cell{
		Question: question(445), Why: NoConduit, Verdict: verdict.Deny, Dropped: true, Seen: "dropped on node-1",
		Rules: []Rule{{Policy: "CiliumClusterwideNetworkPolicy/medfence-guard-x", Ours: true, Denies: true}},
	}
	return passes, drops
}

func TestOneWrongAnswerMakesACellWrong(t *testing.T) {
	cases := map[string]struct {
		change func(passes, drops *Cell)
		want   string // of either
	}{
		"nothing":                          {func(_, _ *Cell) {}, ""},
		"it is dropped":                    {func(p, _ *Cell) { p.Passed, p.Dropped = false, true }, "should pass (Conduit/a)"},
		"nothing is known of it":           {func(p, _ *Cell) { p.Passed = false }, "should pass"},
		"it passes":                        {func(_, d *Cell) { d.Dropped, d.Passed = false, true }, "should be dropped (no conduit)"},
		"it is lost, and nobody says why":  {func(_, d *Cell) { d.Dropped = false }, "should be dropped"},
		"the engine denies":                {func(p, _ *Cell) { p.Verdict = verdict.Deny }, "the conduits say Allow (Conduit/a), the verdict engine says Deny"},
		"the engine allows":                {func(_, d *Cell) { d.Verdict = verdict.Allow }, "the verdict engine says Allow"},
		"the engine does not know":         {func(_, d *Cell) { d.Verdict = verdict.Unknown }, "Unknown"},
		"somebody else's policy allows":    {func(p, _ *Cell) { p.Rules[0].Ours = false }, "is not ours"},
		"somebody else's policy denies":    {func(_, d *Cell) { d.Rules[0].Ours = false }, "is not ours"},
		"another conduit's policy":         {func(p, _ *Cell) { p.Rules[0].Conduits = []string{"c"} }, "which is for c"},
		"a deny rule allows":               {func(p, _ *Cell) { p.Rules[0].Denies = true }, "for the contrary"},
		"beside others somebody's allows":  {func(p, _ *Cell) { p.Crowded, p.Rules[0].Ours = true, false }, ""},
		"beside others somebody's denies":  {func(_, d *Cell) { d.Crowded, d.Rules[0].Ours = true, false }, "is not ours"},
		"unrestricted, by somebody's rule": {func(p, _ *Cell) { p.Why, p.Rules[0].Ours = Unrestricted, false }, ""},
		"no rule is named":                 {func(p, d *Cell) { p.Rules, d.Rules = nil, nil }, ""},
		"the DNS, by a rule of ours":       {func(p, _ *Cell) { p.Why, p.Rules[0].Conduits = ClusterDNS, nil }, ""},
		"another rule of ours is also there": {func(p, _ *Cell) {
			p.Rules = append(p.Rules, Rule{Policy: "NetworkPolicy/x/allow-all"})
		}, "NetworkPolicy/x/allow-all, which is not ours"},
	}
	for name, tc := range cases {
		passes, drops := right()
		tc.change(&passes, &drops)
		got := passes.Wrong() + drops.Wrong()
		if (got == "") != (tc.want == "") || !strings.Contains(got, tc.want) {
			t.Errorf("%s: wrong is %q, want %q", name, got, tc.want)
		}
	}
}

func TestATableShowsWhoReachesWhom(t *testing.T) {
	passes, drops := right()
	wrong := drops
	wrong.Question.From, wrong.Dropped, wrong.Passed = &ward.Party{Name: "pump"}, false, true
	table := Table{Title: "a test", Cells: []Cell{passes, drops, wrong}}
	var out bytes.Buffer
	table.Print(&out)
	want := `a test: 3 cells (3 IPv4, 0 IPv6): 2 passed, 1 dropped by policy, 0 neither; Hubble names a rule for 3; 1 wrong

Rows send, columns receive. +  everything passed   .  everything was dropped   3  so many services passed
!  a cell is wrong   blank  no agent sees the packets. Services: TCP 443, TCP 445

                1  2  3
 1 laptop          1   
 2 gateway             
 3 pump            !   

What conduits and the cluster's DNS permit, and passed:
  laptop      -> gateway     TCP 443  (Conduit/a)
  pump        -> gateway     TCP 445  (no conduit)
`
	if got := out.String(); got != want {
		t.Errorf("the table is\n%s\nwant\n%s", got, want)
	}
	if got := table.Wrong(); len(got) != 1 || !strings.HasPrefix(got[0], "pump to gateway, TCP 445, IPv4: should be dropped") {
		t.Errorf("wrong is %q", got)
	}
	out.Reset()
	if err := table.Write(&out); err != nil || strings.Count(out.String(), "\n") != 4 || !strings.Contains(out.String(),
		"laptop\tgateway\t10.9.8.7\t10.244.1.7\tTCP\t443\ttrue\tConduit/a\tAllow\tpassed\tCiliumNetworkPolicy/x/medfence-y\t\n") {
		t.Errorf("written (%v):\n%s", err, &out)
	}
}
