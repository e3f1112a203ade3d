package compile_test

import (
	"encoding/json"
	"testing"

	"k8s.io/apimachinery/pkg/util/validation"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/catalog"
	"github.com/medfence/medfence/internal/compile"
	"github.com/medfence/medfence/internal/render"
	"github.com/medfence/medfence/internal/snapshot"
)

// FuzzRecord: whatever stands in the objects of an API server, status and record
// of what was accepted among it, there is a plan, the same twice, and all that is
// rendered of it has a name that the API server takes.
func FuzzRecord(f *testing.F) {
	for _, seed := range [][3]string{
		{`{}`, `{}`, `{}`},
		{`{"metadata":{"name":"icu","uid":"u"},"spec":{"role":"Device","enforcement":"Enforce","members":{"namespaces":["icu"],"cidrs":["10.0.0.0/8"]}},"status":{"accepted":{"spec":{"role":"Device","enforcement":"Enforce","members":{"namespaces":["Bad Name"],"cidrs":["x","::/0"],"fqdns":["*"]}}},"namespaces":[{"name":"..","held":true,"baseline":true}],"policies":[{"kind":"x"}]}}`,
			`{"metadata":{"name":"p","namespace":"icu"},"spec":{"zone":"icu"},"status":{"accepted":{"generation":-1,"spec":{"zone":"icu","criticality":"x","addresses":["10.0.0.1/33","::1%a"],"workload":{"podSelector":{"matchExpressions":[{"key":"","operator":"?","values":["\u0000"]}]}}}}}}`,
			`{"metadata":{"name":"c"},"spec":{"from":{"zones":["icu"]},"to":{"zones":["icu"]}},"status":{"accepted":{"services":[{"protocol":"TCP","ports":["0","70000","5-1","x"]},{"protocol":"ICMP","icmpTypes":[-1,300]},{"protocol":"?"}],"spec":{"from":{"zones":["icu"]},"to":{"zones":["icu"]},"services":[{"protocol":"TCP","port":1},{"protocol":"ICMP"},{}],"expiresAt":"2030-01-01T00:00:00Z"}}}}`},
	} {
		f.Add([]byte(seed[0]), []byte(seed[1]), []byte(seed[2]))
	}
	f.Fuzz(func(t *testing.T, zone, device, conduit []byte) {
		var z medfencev1alpha1.DeviceZone
		var d medfencev1alpha1.MedicalDevice
		var c medfencev1alpha1.Conduit
		for raw, into := range map[*[]byte]any{&zone: &z, &device: &d, &conduit: &c} {
			_ = json.Unmarshal(*raw, into)
		}
		for _, target := range []snapshot.TargetKind{snapshot.Netpol, snapshot.Cilium} {
			s := &snapshot.Snapshot{
				Catalogue:  catalog.Embedded(),
				Zones:      []snapshot.Zone{snapshot.FromZone(&z), {Name: "pacs", UID: "2", Spec: medfencev1alpha1.DeviceZoneSpec{Role: medfencev1alpha1.RoleClinical}}},
				Devices:    []snapshot.Device{snapshot.FromDevice(&d)},
				Conduits:   []snapshot.Conduit{snapshot.FromConduit(&c)},
				Namespaces: []snapshot.Namespace{{Name: "icu"}},
				Target:     snapshot.Target{Kind: target, ICMP: true, DNSProxy: true, HTTP: true},
			}
			first := compile.Compile(s)
			if jsonOf(t, first) != jsonOf(t, compile.Compile(s)) {
				t.Fatal("the second time it is another plan")
			}
			for _, o := range render.All(first.Plan) {
				if faults := validation.IsDNS1123Subdomain(o.GetName()); len(faults) > 0 {
					t.Errorf("%q is no name: %v", o.GetName(), faults)
				}
				if _, err := json.Marshal(o.KubeObject); err != nil {
					t.Errorf("%s: %v", o.GetName(), err)
				}
			}
		}
	})
}
