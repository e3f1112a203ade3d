package cli_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// BenchmarkCommands runs whole commands on manifests of large hospitals: 100
// devices in each zone, half of them pods, three conduits for each zone.
func BenchmarkCommands(b *testing.B) {
	for _, devices := range []int{1_000, 10_000} {
		dir := largeHospital(b, devices)
		for name, args := range map[string][]string{
			"render":  {"render", "-q"},
			"lint":    {"lint", "-q"},
			"matrix":  {"matrix", "-q", "-o", "json"},
			"devices": {"matrix", "-q", "--devices", "-o", "json"},
			"explain": {"explain", "-q", "device/zone-3/d-1", "zone/peer-3", "2000"},
			"diff":    {"diff", "-q", "--against", dir},
		} {
			b.Run(fmt.Sprintf("%s/devices=%d", name, devices), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if got := run(b, "", append(args, "-f", dir)...); got.code != 0 {
						b.Fatalf("exit %d: %s", got.code, got.errOut)
					}
				}
			})
		}
	}
}

// largeHospital writes a file for each zone.
func largeHospital(tb testing.TB, devices int) string {
	tb.Helper()
	dir := tb.TempDir()
	for z := range devices / 100 {
		var out strings.Builder
		fmt.Fprintf(&out, `apiVersion: medfence.io/v1alpha1
kind: DeviceZone
metadata: {name: zone-%[1]d}
spec:
  role: Device
  enforcement: Enforce
  owner: Clinical Engineering
  securityLevel: {target: 2, rationale: RA-1}
  members: {namespaces: [zone-%[1]d], cidrs: [10.%[2]d.%[3]d.0/24]}
---
apiVersion: medfence.io/v1alpha1
kind: DeviceZone
metadata: {name: peer-%[1]d}
spec: {role: Clinical, members: {namespaces: [peer-%[1]d]}}
`, z, 100+z/250, z%250)
		for i := range 3 {
			fmt.Fprintf(&out, `---
apiVersion: medfence.io/v1alpha1
kind: Conduit
metadata: {name: zone-%[1]d-%[2]d}
spec:
  from: {zones: [zone-%[1]d]}
  to: {zones: [peer-%[1]d]}
  services: [{protocol: TCP, port: %[3]d, encrypted: "Yes"}]
  purpose: A purpose for the auditor
`, z, i, 2000+i)
		}
		for i := range 100 {
			fmt.Fprintf(&out, `---
apiVersion: medfence.io/v1alpha1
kind: MedicalDevice
metadata: {name: d-%[2]d, namespace: zone-%[1]d, labels: {model: m-%[3]d}}
spec:
  zone: zone-%[1]d
  criticality: Therapeutic
  identity: {manufacturer: Maker, model: m-%[3]d, firmwareVersion: "1.0"}
`, z, i, i%5)
			if i%2 == 0 {
				fmt.Fprintf(&out, "  workload: {podSelector: {matchLabels: {app: app-%d}}}\n", i)
				fmt.Fprintf(&out, "---\napiVersion: v1\nkind: Pod\nmetadata: {name: app-%[2]d-0, namespace: zone-%[1]d, labels: {app: app-%[2]d}}\n", z, i)
			} else {
				fmt.Fprintf(&out, "  addresses: [10.%d.%d.%d]\n", 100+z/250, z%250, i+1)
			}
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("zone-%d.yaml", z)), []byte(out.String()), 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	return dir
}
