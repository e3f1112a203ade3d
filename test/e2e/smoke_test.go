//go:build linux && e2e

package e2e

import (
	"context"
	"net/netip"
	"os"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/medfence/medfence/internal/flow"
	"github.com/medfence/medfence/test/e2e/lab"
	"github.com/medfence/medfence/test/e2e/wire"
)

func TestSmoke(t *testing.T) {
	l, err := lab.Start(t.Context(), lab.Options{Repository: "../..", Cilium: os.Getenv("MEDFENCE_CILIUM"), Nodes: 2, Log: os.Stderr})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := l.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	if err := l.Client.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "a"}}); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	p1, err := l.RunPod(t.Context(), l.Nodes[0], "a", "one", map[string]string{"app": "one"})
	if err != nil {
		t.Fatal(err)
	}
	p2, err := l.RunPod(t.Context(), l.Nodes[1], "a", "two", map[string]string{"app": "two"})
	if err != nil {
		t.Fatal(err)
	}
	t.Log("pods", time.Since(began), p1.Addresses, p2.Addresses)
	ext, err := l.Attach(t.Context(), "laptop", netip.MustParseAddr("10.9.8.7"), netip.MustParseAddr("2001:db8:9::7"))
	if err != nil {
		t.Fatal(err)
	}
	stations := map[string]*wire.Station{}
	addrs := map[string][]netip.Addr{"one": p1.Addresses, "two": p2.Addresses, "laptop": {netip.MustParseAddr("10.9.8.7"), netip.MustParseAddr("2001:db8:9::7")},
		"node-1": l.Nodes[0].Addresses, "node-2": l.Nodes[1].Addresses}
	for name, space := range map[string]wire.Space{"one": p1.Space, "two": p2.Space, "laptop": ext, "node-1": l.Nodes[0].Space, "node-2": l.Nodes[1].Space} {
		s, err := wire.Open(space, []uint16{443}, []uint16{53})
		if err != nil {
			t.Fatal(name, err)
		}
		stations[name] = s
	}
	time.Sleep(time.Second)
	for from, a := range stations {
		for to, b := range stations {
			if from == to {
				continue
			}
			for _, addr := range addrs[to] {
				for _, p := range []flow.Protocol{flow.TCP, flow.UDP, flow.ICMP} {
					port := map[flow.Protocol]uint16{flow.TCP: 443, flow.UDP: 53}[p]
					probe, err := a.Send(addr, p, port)
					if err != nil {
						t.Errorf("%s -> %s %s %s: %v", from, to, addr, p, err)
						continue
					}
					ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
					if !probe.Passes(ctx) {
						t.Errorf("%s -> %s %s: no answer (arrived %d)", from, to, probe.Key, b.Arrived(probe.Key))
					} else if b.Arrived(probe.Key) == 0 {
						t.Errorf("%s -> %s %s: not seen", from, to, probe.Key)
					}
					cancel()
					probe.Close()
				}
			}
		}
	}
	if os.Getenv("HOLD") != "" {
		t.Log(l.Dir())
		time.Sleep(10 * time.Minute)
	}
}
