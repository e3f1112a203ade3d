package cli_test

import (
	"path/filepath"
	"strings"
	"testing"
)

// explain reads only the devices and pods near its endpoints: the answer is that
// of all manifests, for every pair of zones, devices and pods.
func TestExplainSaysTheSameFromApartOfTheManifests(t *testing.T) {
	asked := 0
	check := func(args ...string) {
		asked++
		args = append([]string{"explain", "-q"}, args...)
		some, all := run(t, "", args...), run(t, "", append(args, "--whole")...)
		if some.code != all.code || some.out != all.out || some.errOut != all.errOut {
			t.Errorf("%s:\nfrom a part, exit %d:\n%s%sfrom all, exit %d:\n%s%s", strings.Join(args, " "), some.code, some.out, some.errOut, all.code, all.out, all.errOut)
		}
	}
	pairs := func(file string, endpoints []string) {
		for i, from := range endpoints {
			check("--all-to", from, "-f", file)
			check("--all-from", from, "-f", file)
			for _, n := range []int{1, 3, 7} { // a spread of partners
				check(from, endpoints[(i+n)%len(endpoints)], "443", "-f", file)
			}
		}
	}
	sample := []string{
		"world", "10.42.0.9", "10.20.1.17", "10.99.9.9", "pod/infusion/pump-gateway", "device/pump-icu-07", "device/nowhere/none", "zone/none",
		"zone/infusion", "zone/biomed-workbench", "device/biomed-inventory/pump-icu-07", "device/infusion/pump-gateway",
	}
	pairs(hospital, sample)
	for _, s := range corpus(t) {
		endpoints := []string{"world", "10.42.0.9"}
		for _, z := range s.Objects.Zones {
			endpoints = append(endpoints, "zone/"+z.Name)
		}
		for _, d := range s.Objects.Devices {
			endpoints = append(endpoints, "device/"+d.Namespace+"/"+d.Name)
		}
		for _, p := range s.Objects.Pods {
			endpoints = append(endpoints, "pod/"+p.Namespace+"/"+p.Name)
		}
		pairs(filepath.Join(s.Dir, "in.yaml"), endpoints[:min(len(endpoints), 8)])
	}
	if asked < 500 {
		t.Errorf("only %d questions", asked)
	}
}

// Devices of zones far away are not even read: a fault in one is nobody's concern
// here, and every other command names it.
func TestExplainReadsWhatIsNear(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "near.yaml", "apiVersion: medfence.io/v1alpha1\nkind: DeviceZone\nmetadata: {name: near}\nspec: {role: Device, enforcement: Enforce, members: {namespaces: [near]}}\n")
	write(t, dir, "far.yaml", "apiVersion: medfence.io/v1alpha1\nkind: MedicalDevice\nmetadata: {name: d, namespace: far}\nspec: {zone: far, criticalty: x}\n")
	if got := run(t, "", "explain", "--all-to", "zone/near", "-f", dir); got.code != cli0 || got.errOut != "" {
		t.Errorf("exit %d: %s", got.code, got.errOut)
	}
	if got := run(t, "", "matrix", "-f", dir); got.code != cli2 || !strings.Contains(got.errOut, "criticalty") {
		t.Errorf("exit %d: %s", got.code, got.errOut)
	}
}
