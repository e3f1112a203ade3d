package zonemap_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/analysis"
	"github.com/medfence/medfence/internal/manifest"
	"github.com/medfence/medfence/internal/report/zonemap"
	"github.com/medfence/medfence/internal/snapshot"
	"github.com/medfence/medfence/test/scenarios"
)

const sample = "../../../config/samples/hospital"

func hospital(t *testing.T) *analysis.Chart {
	t.Helper()
	return sampleWith(t, snapshot.Cilium, "")
}

// sampleWith returns the sample hospital beside a policy of somebody else's.
func sampleWith(t *testing.T, target snapshot.TargetKind, policy string) *analysis.Chart {
	t.Helper()
	paths, err := filepath.Glob(sample + "/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var files []manifest.File
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, manifest.File{Name: path, Data: data})
	}
	if policy != "" {
		files = append(files, manifest.File{Name: "policy.yaml", Data: []byte(policy)})
	}
	objects, faults := manifest.Read(files)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	r := analysis.New(objects.Snapshot(scenarios.Setting(target)))
	if err := r.Judge(analysis.Policies{Standing: objects.Policies, Rendered: true}); err != nil {
		t.Fatal(err)
	}
	return r.Chart()
}

// large returns a hospital of many zones.
func large(zones, devices int) *analysis.Chart {
	setting := scenarios.Setting(snapshot.Cilium)
	s := &snapshot.Snapshot{Now: setting.Now, Target: setting.Target, Cluster: setting.Cluster}
	for z := range zones {
		name, peer := fmt.Sprintf("zone-%d", z), fmt.Sprintf("peer-%d", z%20)
		s.Namespaces = append(s.Namespaces, snapshot.Namespace{Name: name})
		s.Zones = append(s.Zones, snapshot.Zone{Name: name, Spec: medfencev1alpha1.DeviceZoneSpec{
			Role: medfencev1alpha1.RoleDevice, Enforcement: medfencev1alpha1.Enforce,
			Members: medfencev1alpha1.ZoneMembers{Namespaces: []string{name}, CIDRs: []string{fmt.Sprintf("10.100.%d.0/24", z)}},
		}})
		if z < 20 {
			s.Namespaces = append(s.Namespaces, snapshot.Namespace{Name: peer})
			s.Zones = append(s.Zones, snapshot.Zone{Name: peer, Spec: medfencev1alpha1.DeviceZoneSpec{
				Role: medfencev1alpha1.RoleClinical, Members: medfencev1alpha1.ZoneMembers{Namespaces: []string{peer}},
			}})
		}
		s.Conduits = append(s.Conduits, snapshot.Conduit{Name: "c-" + name, Spec: medfencev1alpha1.ConduitSpec{
			From: medfencev1alpha1.ConduitEnd{Zones: []string{name}}, To: medfencev1alpha1.ConduitEnd{Zones: []string{peer}},
			Services: []medfencev1alpha1.ConduitService{{Name: "https"}}, Purpose: "A purpose for the auditor",
		}})
		for i := range devices {
			s.Devices = append(s.Devices, snapshot.Device{Namespace: name, Name: fmt.Sprintf("d-%d", i), Spec: medfencev1alpha1.MedicalDeviceSpec{
				Zone: name, Criticality: medfencev1alpha1.CriticalityTherapeutic, Addresses: []string{fmt.Sprintf("10.100.%d.%d", z, i+1)},
			}})
		}
	}
	return analysis.New(s).Chart()
}

func TestEveryScenarioHasAMap(t *testing.T) {
	list, err := scenarios.All()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range list {
		c := analysis.New(s.Snapshot(snapshot.Cilium)).Chart()
		for name, write := range map[string]func(io.Writer, *analysis.Chart) error{
			"html": zonemap.HTML, "svg": zonemap.SVG, "mermaid": zonemap.Mermaid, "dot": zonemap.DOT,
		} {
			var first, again bytes.Buffer
			if err := errors.Join(write(&first, c), write(&again, c)); err != nil {
				t.Fatalf("%s %s: %v", s.Name, name, err)
			}
			if !bytes.Equal(first.Bytes(), again.Bytes()) {
				t.Errorf("%s %s: other bytes for the same chart", s.Name, name)
			}
			for _, r := range c.Rooms {
				if !strings.Contains(first.String(), r.Name) {
					t.Errorf("%s %s lacks zone %s", s.Name, name, r.Name)
				}
			}
			if name == "svg" {
				wellFormed(t, s.Name, first.Bytes())
			}
		}
	}
}

func wellFormed(t *testing.T, name string, text []byte) {
	t.Helper()
	d := xml.NewDecoder(bytes.NewReader(text))
	for {
		_, err := d.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
	}
}

// What people write in manifests is text, and never code.
func TestTextsOfManifestsAreNoCode(t *testing.T) {
	c := hospital(t)
	evil := `</script><script>alert(1)</script>"'><img src=x onerror=alert(1)>{{script}}`
	for i := range c.Rooms {
		c.Rooms[i].Spec.Owner, c.Rooms[i].Spec.Description = evil, evil
	}
	for i := range c.Links {
		c.Links[i].Spec.Purpose = evil
	}
	var html bytes.Buffer
	if err := zonemap.HTML(&html, c); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(html.String(), "<img src=x") || strings.Count(html.String(), "<script") != 2 {
		t.Error("a text of a manifest became markup")
	}
	if strings.Contains(html.String(), "http://") && !strings.Contains(html.String(), "w3.org") || strings.Contains(html.String(), "https://") {
		t.Error("the page names something to fetch")
	}
}
