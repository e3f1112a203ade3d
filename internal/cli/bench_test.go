package cli_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"sigs.k8s.io/yaml"

	hospitals "github.com/medfence/medfence/test/hospital"
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

// largeHospital writes a file for each ward.
func largeHospital(tb testing.TB, devices int) string {
	tb.Helper()
	dir := tb.TempDir()
	for w, ward := range hospitals.Large(devices) {
		var out bytes.Buffer
		for _, o := range ward {
			raw, err := yaml.Marshal(o)
			if err != nil {
				tb.Fatal(err)
			}
			out.WriteString("---\n")
			out.Write(raw)
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("zone-%d.yaml", w)), out.Bytes(), 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	return dir
}
