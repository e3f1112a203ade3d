package report

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
)

// A Machine is where a run took place, without its name.
type Machine struct {
	CPU        string `json:"cpu"`
	Cores      int    `json:"cores"`
	MemoryGiB  int    `json:"memoryGiB"`
	Kernel     string `json:"kernel"`
	Go         string `json:"go"`
	Kubernetes string `json:"kubernetes"`
	// LoadBefore and LoadAfter are the load averages of the last minute: the
	// first is what others did, where nothing of ours had run yet.
	LoadBefore float64 `json:"loadBefore"`
	LoadAfter  float64 `json:"loadAfter"`
}

// String returns the machine as a sentence.
func (m Machine) String() string {
	return fmt.Sprintf("%s, %d cores, %d GiB, Linux %s, %s, Kubernetes %s; load average %.1f before, %.1f after.",
		m.CPU, m.Cores, m.MemoryGiB, m.Kernel, m.Go, m.Kubernetes, m.LoadBefore, m.LoadAfter)
}

// ThisMachine reads the machine. What it does not tell is left empty.
func ThisMachine() Machine {
	read := func(path string) []byte {
		raw, err := os.ReadFile(path)
		if err != nil {
			return nil
		}
		return raw
	}
	memory, _ := strconv.Atoi(strings.TrimSuffix(field(read("/proc/meminfo"), "MemTotal"), " kB"))
	return Machine{
		CPU:        field(read("/proc/cpuinfo"), "model name"),
		Cores:      runtime.NumCPU(),
		MemoryGiB:  memory >> 20,
		Kernel:     string(bytes.TrimSpace(read("/proc/sys/kernel/osrelease"))),
		Go:         runtime.Version(),
		LoadBefore: Load(),
	}
}

// Load returns the load average of the last minute; 0 where nobody tells.
func Load() float64 {
	raw, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return 0
	}
	first, _, _ := strings.Cut(string(raw), " ")
	load, _ := strconv.ParseFloat(first, 64)
	return load
}

// field returns the first value of a name in lines of "name : value".
func field(lines []byte, name string) string {
	for line := range strings.Lines(string(lines)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
