package hubble

import (
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/medfence/medfence/internal/flow"
)

// Lines that an agent of version 1.20.2 wrote, less what is not read.
const (
	denied  = `{"flow":{"time":"2026-11-22T08:17:25.588139452Z","verdict":"DROPPED","drop_reason":181,"IP":{"source":"10.244.1.143","destination":"10.244.2.13","ipVersion":"IPv4"},"l4":{"TCP":{"source_port":42830,"destination_port":3389,"flags":{"SYN":true}}},"event_type":{"type":5},"traffic_direction":"EGRESS","policy_match_type":1,"drop_reason_desc":"POLICY_DENY","egress_denied_by":[{"name":"medfence-guard-infusion","labels":["k8s:io.cilium.k8s.policy.name=medfence-guard-infusion"],"revision":"20","kind":"CiliumClusterwideNetworkPolicy"}]},"node_name":"node-1","time":"2026-11-22T08:17:25.588139452Z"}`
	allowed = `{"flow":{"time":"2026-11-22T08:17:25.906403703Z","verdict":"FORWARDED","IP":{"source":"fd00:10:244:1::8e6e","destination":"2001:db8:20::111","ipVersion":"IPv6"},"l4":{"TCP":{"source_port":39896,"destination_port":3613,"flags":{"SYN":true}}},"event_type":{"type":5},"traffic_direction":"INGRESS","is_reply":false,"ingress_allowed_by":[{"name":"medfence-pump-gateway-3f44343460","namespace":"infusion","revision":"20","kind":"CiliumNetworkPolicy"}]},"node_name":"node-1"}`
	ping    = `{"flow":{"time":"2026-11-22T08:17:25Z","verdict":"DROPPED","IP":{"source":"10.9.8.7","destination":"10.244.2.13"},"l4":{"ICMPv4":{"type":8}},"traffic_direction":"INGRESS","drop_reason_desc":"POLICY_DENIED"},"node_name":"node-2"}`
	stale   = `{"flow":{"time":"2026-11-22T08:16:46Z","verdict":"DROPPED","IP":{"source":"::","destination":"ff02::16"},"l4":{"ICMPv6":{"type":143}},"drop_reason_desc":"STALE_OR_UNROUTABLE_IP"},"node_name":"node-1"}`
	lost    = `{"lost_events":{"source":"HUBBLE_RING_BUFFER","num_events_lost":"1"},"node_name":"node-1"}`
	vrrp    = `{"flow":{"verdict":"FORWARDED","IP":{"source":"10.0.0.1","destination":"224.0.0.18"},"l4":{"VRRP":{"type":1}}}}`
)

func TestALineIsAPacketAndWhoDecidedIt(t *testing.T) {
	cases := map[string]struct {
		line     string
		want     Flow
		byPolicy bool
	}{
		"a deny rule": {denied, Flow{
			Node: "node-1", Verdict: Dropped, Reason: "POLICY_DENY",
			Key:   Key{flow.TCP, netip.MustParseAddr("10.244.1.143"), netip.MustParseAddr("10.244.2.13"), 42830, 3389},
			Rules: []Rule{{"CiliumClusterwideNetworkPolicy", "", "medfence-guard-infusion", true}},
		}, true},
		"an allow rule": {allowed, Flow{
			Node: "node-1", Verdict: Forwarded, Ingress: true,
			Key:   Key{flow.TCP, netip.MustParseAddr("fd00:10:244:1::8e6e"), netip.MustParseAddr("2001:db8:20::111"), 39896, 3613},
			Rules: []Rule{{"CiliumNetworkPolicy", "infusion", "medfence-pump-gateway-3f44343460", false}},
		}, false},
		"a ping that nothing allows": {ping, Flow{
			Node: "node-2", Verdict: Dropped, Reason: "POLICY_DENIED", Ingress: true,
			Key: Key{Protocol: flow.ICMP, Source: netip.MustParseAddr("10.9.8.7"), Destination: netip.MustParseAddr("10.244.2.13")},
		}, true},
		"a drop that is no policy's": {stale, Flow{
			Node: "node-1", Verdict: Dropped, Reason: "STALE_OR_UNROUTABLE_IP",
			Key: Key{Protocol: flow.ICMP, Source: netip.MustParseAddr("::"), Destination: netip.MustParseAddr("ff02::16")},
		}, false},
	}
	for name, tc := range cases {
		got, ok, err := Parse([]byte(tc.line))
		if err != nil || !ok {
			t.Errorf("%s: %t, %v", name, ok, err)
		}
		if diff := cmp.Diff(tc.want, got, cmpopts.IgnoreFields(Flow{}, "Time"), cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if got.Time.IsZero() || got.ByPolicy() != tc.byPolicy {
			t.Errorf("%s: at %s, by policy %t", name, got.Time, got.ByPolicy())
		}
	}
}

func TestWhatIsNoPacketIsPassedOver(t *testing.T) {
	for _, line := range []string{lost, vrrp, `{}`} {
		if _, ok, err := Parse([]byte(line)); ok || err != nil {
			t.Errorf("%s: %t, %v", line, ok, err)
		}
	}
	for _, line := range []string{``, `{"flow":{"time":"yesterday"}}`, `{"flow":{"IP":{"source":"here"}}}`, `{"flow":`} {
		if _, _, err := Parse([]byte(line)); err == nil {
			t.Errorf("%q is read", line)
		}
	}
}

func TestALogGrows(t *testing.T) {
	path := filepath.Join(t.TempDir(), "flows.json")
	log := Follow(path, path+".absent")
	write := func(text string) {
		file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := file.WriteString(text); err != nil {
			t.Fatal(err)
		}
		if err := file.Close(); err != nil {
			t.Fatal(err)
		}
	}
	steps := []struct {
		text string
		want int
	}{
		{"", 0}, {denied + "\n" + lost + "\n" + allowed[:40], 1}, {allowed[40:], 1}, {"\n", 2}, {ping + "\n", 3},
	}
	for i, s := range steps {
		write(s.text)
		if err := log.Read(); err != nil || log.Total() != s.want {
			t.Errorf("step %d: %d flows (%v), want %d", i, log.Total(), err, s.want)
		}
	}
	k := Key{flow.TCP, netip.MustParseAddr("10.244.1.143"), netip.MustParseAddr("10.244.2.13"), 42830, 3389}
	if got := log.Of(k, time.Time{}); len(got) != 1 {
		t.Errorf("the packet has %d flows", len(got))
	}
	if got := log.Of(k, time.Now().AddDate(100, 0, 0)); len(got) != 0 {
		t.Errorf("a port that is used again has %d flows of the past", len(got))
	}
	write("nonsense\n")
	if err := log.Read(); err == nil {
		t.Error("nonsense is read")
	}
}
