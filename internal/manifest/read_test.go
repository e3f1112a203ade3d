package manifest_test

import (
	"bytes"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/medfence/medfence/internal/manifest"
	"github.com/medfence/medfence/internal/snapshot"
)

const zone = `apiVersion: medfence.io/v1alpha1
kind: DeviceZone
metadata:
  name: infusion
spec:
  role: Device
  enforcement: Enforce
`

func read(t *testing.T, text string) (*manifest.Objects, []string) {
	t.Helper()
	objects, faults := manifest.Read([]manifest.File{{Name: "in.yaml", Data: []byte(text)}})
	var words []string
	for _, f := range faults {
		words = append(words, f.Error())
	}
	return objects, words
}

func TestReadSaysWhereAMistakeIsAndWhatToChange(t *testing.T) {
	for name, tc := range map[string]struct {
		text string
		want []string
	}{
		"a field that does not exist": {
			zone + "  memebers: {}\n",
			[]string{`in.yaml:8: DeviceZone/infusion: spec.memebers: there is no field "memebers"; did you mean "members"?`},
		},
		"a nested field that does not exist": {
			zone + "  members:\n    cidr: [10.0.0.0/8]\n",
			[]string{`in.yaml:9: DeviceZone/infusion: spec.members.cidr: there is no field "cidr"; did you mean "cidrs"?`},
		},
		"a field in a list": {
			"apiVersion: medfence.io/v1alpha1\nkind: Conduit\nmetadata: {name: c}\nspec:\n  services:\n    - name: dicom\n    - nam: dicom\n",
			[]string{`in.yaml:7: Conduit/c: spec.services[1].nam: there is no field "nam"; did you mean "name"?`},
		},
		"a field that nothing is near to": {
			zone + "  zzzzzzzz: 1\n",
			[]string{`in.yaml:8: DeviceZone/infusion: spec.zzzzzzzz: there is no field "zzzzzzzz" here; remove it, or see kubectl explain`},
		},
		"a wrong type": {
			zone + "  owner: [a, b]\n",
			[]string{`in.yaml:8: DeviceZone/infusion: spec.owner: this is a list where a text is expected; correct the value`},
		},
		"a bare word that YAML reads as something else": {
			"apiVersion: medfence.io/v1alpha1\nkind: DeviceZone\nmetadata:\n  name: no\n",
			[]string{`in.yaml:4: metadata.name: this is read as true or false where a text is expected; put it in quotes`},
		},
		"a number for a text": {
			zone + "  owner: 4411\n",
			[]string{`in.yaml:8: DeviceZone/infusion: spec.owner: this is read as a number where a text is expected; put it in quotes`},
		},
		"a duplicate field": {
			zone + "  role: Clinical\n",
			[]string{`in.yaml:8: this is not valid YAML: key "role" already set in map`},
		},
		"broken YAML": {
			"# a comment\n\n" + "a: [1\nb: 2\n",
			[]string{`in.yaml:3: this is not valid YAML: did not find expected ',' or ']'`},
		},
		"a misspelt kind": {
			"apiVersion: medfence.io/v1alpha1\nkind: DeviceZones\nmetadata: {name: x}\n",
			[]string{`in.yaml:2: DeviceZones/x: kind: medfence.io/v1alpha1 has no kind "DeviceZones"; did you mean DeviceZone?`},
		},
		"a version that is not served": {
			"apiVersion: medfence.io/v1\nkind: DeviceZone\nmetadata: {name: x}\n",
			[]string{`in.yaml:1: DeviceZone/x: apiVersion: "medfence.io/v1" is not served; write medfence.io/v1alpha1`},
		},
		"no name": {
			"apiVersion: medfence.io/v1alpha1\nkind: DeviceZone\nspec: {role: Clinical}\n",
			[]string{`in.yaml:1: DeviceZone: metadata.name: the object has no name; give it one`},
		},
		"no kind": {
			"name: x\n",
			[]string{"in.yaml:1: apiVersion and kind are missing; a zone begins with apiVersion: medfence.io/v1alpha1 and kind: DeviceZone"},
		},
		"a text": {
			"just a sentence\n",
			[]string{"in.yaml:1: this is not a Kubernetes object; it needs apiVersion, kind and metadata as texts"},
		},
		"the same object twice": {
			zone + "---\n" + zone,
			[]string{"in.yaml:9: DeviceZone/infusion: this object stands in in.yaml:1 as well, which is used; remove one of the two"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, got := read(t, tc.text)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("faults (-want +got):\n%s", diff)
			}
		})
	}
}

func TestReadGoesOnAfterAFault(t *testing.T) {
	objects, faults := read(t, "a: [\n---\n"+zone+"---\nkind: Deployment\napiVersion: apps/v1\n---\n# nothing\n---\n")
	if len(faults) != 1 || len(objects.Zones) != 1 || objects.Zones[0].Name != "infusion" {
		t.Errorf("got faults %v, zones %v", faults, objects.Zones)
	}
	if diff := cmp.Diff(map[string]int{"Deployment": 1}, objects.Skipped); diff != "" {
		t.Errorf("skipped (-want +got):\n%s", diff)
	}
}

func TestReadLeavesOutAnObjectWithAFault(t *testing.T) {
	objects, _ := read(t, zone+"  memebers: {}\n")
	if len(objects.Zones) != 0 {
		t.Error("half an object was read: it could permit what nobody meant")
	}
}

func TestReadTakesListsAndJSON(t *testing.T) {
	list := `{"apiVersion":"v1","kind":"List","items":[
		{"apiVersion":"medfence.io/v1alpha1","kind":"DeviceZone","metadata":{"name":"a"},"spec":{"role":"Clinical"}},
		{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p","namespace":"n"},"spec":{"unknownToUs":true}}]}`
	objects, faults := read(t, list)
	if len(faults) != 0 || len(objects.Zones) != 1 || len(objects.Pods) != 1 {
		t.Errorf("got faults %v, %d zones, %d pods", faults, len(objects.Zones), len(objects.Pods))
	}
}

func TestReadRefusesWhatIsNoManifest(t *testing.T) {
	for name, tc := range map[string]struct {
		data []byte
		want string
	}{
		"binary":   {append([]byte("\x7fELF\x00\x01"), bytes.Repeat([]byte{0xff}, 100)...), "this is a binary file, not YAML or JSON; name the manifests only"},
		"too big":  {bytes.Repeat([]byte("#"), manifest.MaxBytes+1), "the file has 64 MB, more than the 64 MB that are read; split it, or name the folder of manifests"},
		"not text": {[]byte{0xff, 0xfe, 0x41, 0x42, 0x43, 0x44, 0x45}, "this is a binary file, not YAML or JSON; name the manifests only"},
	} {
		t.Run(name, func(t *testing.T) {
			_, faults := manifest.Read([]manifest.File{{Name: "f", Data: tc.data}})
			if len(faults) != 1 || faults[0].Message != tc.want {
				t.Errorf("got %v, want %q", faults, tc.want)
			}
		})
	}
}

func TestReadSurvivesAliasBombs(t *testing.T) {
	bomb := "a: &a [x, x, x, x, x, x, x, x, x]\n"
	for c := 'b'; c < 'j'; c++ {
		before := string(c - 1)
		bomb += string(c) + ": &" + string(c) + " [" + strings.TrimSuffix(strings.Repeat("*"+before+", ", 9), ", ") + "]\n"
	}
	start := time.Now()
	_, faults := read(t, bomb)
	if len(faults) != 1 {
		t.Errorf("got %v, want one fault", faults)
	}
	if took := time.Since(start); took > time.Minute {
		t.Errorf("took %s", took)
	}
}

func TestLineOfFindsFieldsAndTheirParents(t *testing.T) {
	objects, faults := read(t, "# one\n---\n"+zone+"  members:\n    namespaces:\n      - a\n      - b\n")
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	for path, want := range map[string]int{
		"":                              3,
		"spec.role":                     8,
		"spec.members.namespaces[1]":    13,
		"spec.members.namespaces":       11,
		"spec.members.cidrs[0]":         10,
		"spec.members.namespaces[9].id": 11,
	} {
		if got := objects.LineOf("DeviceZone", "", "infusion", path); got != want {
			t.Errorf("LineOf(%q) = %d, want %d", path, got, want)
		}
	}
	if got := objects.LineOf("DeviceZone", "", "nobody", "spec"); got != 0 {
		t.Errorf("an object that was not read has line %d", got)
	}
}

func TestSnapshotHoldsTheClustersOwnRanges(t *testing.T) {
	objects, faults := read(t, `apiVersion: v1
kind: Node
metadata: {name: n1}
spec: {podCIDR: 10.244.1.0/24, podCIDRs: [10.244.1.0/24, "fd00::/64"]}
status: {addresses: [{type: InternalIP, address: 192.0.2.1}, {type: Hostname, address: n1}]}
---
apiVersion: networking.k8s.io/v1
kind: ServiceCIDR
metadata: {name: kubernetes}
spec: {cidrs: [10.96.0.0/16]}
---
apiVersion: v1
kind: Service
metadata: {name: s, namespace: ns}
spec: {type: NodePort, selector: {a: b}, ports: [{port: 80, targetPort: web}, {port: 81}]}
---
apiVersion: v1
kind: Pod
metadata: {name: done, namespace: ns}
status: {phase: Succeeded}
---
apiVersion: v1
kind: Pod
metadata: {name: runs, namespace: ns}
spec: {containers: [{name: c, ports: [{name: web, containerPort: 8080}]}]}
`)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	s := objects.Snapshot(manifest.Setting{Cluster: snapshot.Cluster{Ranges: []netip.Prefix{netip.MustParsePrefix("10.97.0.0/16")}}})
	want := []string{"10.96.0.0/15", "10.244.1.0/24", "192.0.2.1/32", "fd00::/64"}
	var got []string
	for _, p := range s.Cluster.Ranges {
		got = append(got, p.String())
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("ranges (-want +got):\n%s", diff)
	}
	if len(s.Pods) != 1 || s.Pods[0].Ports["web"] != 8080 {
		t.Errorf("pods %v: one runs, with a port named web", s.Pods)
	}
	if len(s.Services) != 1 || !s.Services[0].HidesSource || s.Services[0].Ports[0].TargetName != "web" || s.Services[0].Ports[1].TargetPort != 81 {
		t.Errorf("services %+v", s.Services)
	}
	if !slices.ContainsFunc(s.Namespaces, func(n snapshot.Namespace) bool { return n.Name == "ns" }) {
		t.Errorf("namespaces %v: a pod's namespace exists", s.Namespaces)
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(zone))
	f.Add([]byte(zone + "---\n" + zone + "  x: 1\n"))
	f.Add([]byte("a: &a [*a]\n"))
	f.Add([]byte("---\r\n--- |\n \n..."))
	f.Add([]byte(`{"apiVersion":"medfence.io/v1alpha1","kind":"ConduitList","items":[{}, 1, null]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		objects, faults := manifest.Read([]manifest.File{{Name: "f", Data: data}})
		for _, fault := range faults {
			if fault.Message == "" || fault.File != "f" || fault.Line < 0 || fault.Line > bytes.Count(data, []byte("\n"))+1 {
				t.Fatalf("fault %+v", fault)
			}
		}
		for _, z := range objects.Zones {
			if line := objects.LineOf("DeviceZone", z.Namespace, z.Name, "spec.role"); line < 1 {
				t.Fatalf("zone %q has line %d", z.Name, line)
			}
		}
		objects.Snapshot(manifest.Setting{})
	})
}

// An editor counts fewer ends of lines than YAML does.
func TestALineIsThatOfTheEditor(t *testing.T) {
	cases := map[string]struct {
		ends [3]string
		want int
	}{
		"line feeds":            {[3]string{"\n", "\n", "\n"}, 4},
		"with carriage returns": {[3]string{"\r\n", "\r\n", "\r\n"}, 4},
		"carriage returns":      {[3]string{"\r", "\r", "\r"}, 1},
		"next lines":            {[3]string{"\u0085", "\u0085", "\u0085"}, 1},
		"mixed":                 {[3]string{"\u2028", "\r\n", "\u2029"}, 2},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			data := "apiVersion: medfence.io/v1alpha1" + tc.ends[0] + "kind: Conduit" + tc.ends[1] + "metadata: {name: c}" + tc.ends[2] + "spec: {surplus: 1}\n"
			_, faults := manifest.Read([]manifest.File{{Name: "f", Data: []byte(data)}})
			if len(faults) != 1 || !strings.Contains(faults[0].Message, "surplus") || faults[0].Line != tc.want {
				t.Errorf("faults %+v, want one about surplus in line %d", faults, tc.want)
			}
		})
	}
}
