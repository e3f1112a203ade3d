package cli_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"sigs.k8s.io/yaml"

	hospitals "github.com/medfence/medfence/test/hospital"
)

// BenchmarkCommands runs the program itself, on manifests of large hospitals: 100
// devices in each zone, half of them pods, three conduits for each zone. MB is the
// most memory that a run had.
func BenchmarkCommands(b *testing.B) {
	program := filepath.Join(b.TempDir(), "kubectl-medfence")
	if said, err := exec.CommandContext(b.Context(), "go", "build", "-o", program, "../../cmd/kubectl-medfence").CombinedOutput(); err != nil {
		b.Fatalf("building the program: %v: %s", err, said)
	}
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
				var most int64
				for b.Loop() {
					most = max(most, memoryOf(b, program, append(args, "-f", dir)...))
				}
				b.ReportMetric(float64(most)/1e6, "MB")
			})
		}
	}
}

// memoryOf runs the program, and returns how many bytes of memory it had at most.
func memoryOf(b *testing.B, program string, args ...string) int64 {
	b.Helper()
	var errOut bytes.Buffer
	cmd := exec.CommandContext(b.Context(), program, args...)
	cmd.Stderr = &errOut
	if err := cmd.Run(); err != nil {
		b.Fatalf("%v: %s", err, errOut.String())
	}
	usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		b.Fatal("this system does not tell how much memory a program had")
	}
	return usage.Maxrss << 10
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
