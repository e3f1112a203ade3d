package cli_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/medfence/medfence/internal/manifest"
)

const zone = `apiVersion: medfence.io/v1alpha1
kind: DeviceZone
metadata:
  name: infusion
spec:
  role: Device
  enforcement: Enforce
  members: {namespaces: [infusion]}
`

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Whatever is wrong with one file, the others are judged, and nobody sees a
// stack trace.
func TestBadInputIsNamedAndTheRestIsJudged(t *testing.T) {
	for name, tc := range map[string]struct {
		text, want string
	}{
		"broken YAML":         {"a: [1\nb: 2\n", "bad.yaml:1 error Unreadable"},
		"a wrong field":       {zone[:len(zone)-1] + "\n  ownr: x\n", `did you mean "owner"?`},
		"a wrong type":        {zone + "  owner: [a]\n", "this is a list where a text is expected"},
		"a binary file":       {"\x00\x01\x02ELF", "this is a binary file"},
		"no object":           {"a: 1\n", "apiVersion and kind are missing"},
		"a YAML bomb":         {bomb(), "Unreadable"},
		"a list of scalars":   {"- 1\n- 2\n", "this is not a Kubernetes object"},
		"a kind misspelt":     {"apiVersion: medfence.io/v1alpha1\nkind: Conduitt\nmetadata: {name: x}\n", "did you mean Conduit?"},
		"an unclosed quote":   {"a: \"b\n", "this is not valid YAML"},
		"deeply nested lists": {strings.Repeat("[", 20000), "Unreadable"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, "bad.yaml", tc.text)
			write(t, dir, "sub/good.yaml", strings.Replace(zone, "infusion\nspec", "good\nspec", 1))
			got := run(t, "", "lint", "-f", dir)
			all := strings.ReplaceAll(got.out+got.errOut, "bad.yaml:1:", "bad.yaml:1")
			if got.code != cli1 || !strings.Contains(all, tc.want) {
				t.Errorf("exit %d, want %q in:\n%s", got.code, tc.want, all)
			}
			if !strings.Contains(all, "DeviceZone/good") || strings.Contains(all, "goroutine") {
				t.Errorf("the other document is not judged, or a stack trace is shown:\n%.2000s", all)
			}
		})
	}
}

// bomb returns YAML whose aliases multiply to billions.
func bomb() string {
	var b strings.Builder
	b.WriteString("a0: &a0 [x, x, x, x, x, x, x, x, x]\n")
	for i := 1; i < 10; i++ {
		n, m := string(rune('0'+i)), string(rune('0'+i-1))
		b.WriteString("a" + n + ": &a" + n + " [" + strings.Repeat("*a"+m+", ", 8) + "*a" + m + "]\n")
	}
	return b.String()
}

func TestAFileOf100MBIsRefusedUnread(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "huge.yaml")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := file.Truncate(100 << 20); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	write(t, dir, "zone.yaml", zone)
	got := run(t, "", "lint", "-f", dir)
	if want := "the file has 100 MB, more than the 64 MB that are read; split it"; got.code != cli1 || !strings.Contains(got.out, want) {
		t.Errorf("exit %d:\n%s", got.code, got.out)
	}
	if !strings.Contains(got.out, "DeviceZone/infusion") {
		t.Errorf("the other file is not judged:\n%s", got.out)
	}
}

func TestStandardInputIsReadToItsLimit(t *testing.T) {
	got := run(t, string(bytes.Repeat([]byte("# a comment\n"), manifest.MaxBytes/12+10)), "lint", "-f", "-")
	if got.code != cli1 || !strings.Contains(got.out, "stdin") || !strings.Contains(got.out, "more than the 64 MB") {
		t.Errorf("exit %d: %.500s", got.code, got.out+got.errOut)
	}
}

func TestInputIsRefusedWithWhatToDo(t *testing.T) {
	empty := t.TempDir()
	others := t.TempDir()
	write(t, others, "a.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n")
	for name, tc := range map[string]struct {
		args []string
		want string
	}{
		"a folder without manifests": {[]string{"lint", "-f", empty}, "no file below this folder ends in .yaml"},
		"a folder of other kinds":    {[]string{"lint", "-f", others}, "no DeviceZone, MedicalDevice or Conduit was found"},
		"a file that is not there":   {[]string{"lint", "-f", "nowhere.yaml"}, "there is no such file or folder"},
		"an address":                 {[]string{"lint", "-f", "https://example.org/x.yaml"}, "addresses are not fetched"},
		"a format":                   {[]string{"lint", "-f", hospital, "-o", "xml"}, "-o xml: use text, json, sarif, junit"},
		"a colour":                   {[]string{"lint", "-f", hospital, "--color", "red"}, "use auto, always or never"},
		"a target":                   {[]string{"lint", "-f", hospital, "--target", "calico"}, "use auto, netpol or cilium"},
		"a level":                    {[]string{"lint", "-f", hospital, "--fail-on", "worst"}, "use error, warning, advice or never"},
		"a command":                  {[]string{"explian"}, "did you mean explain?"},
		"a flag":                     {[]string{"lint", "--filname", "x"}, "unknown flag: --filname"},
		"a prefix":                   {[]string{"lint", "--cluster-cidr", "10"}, "write it as a prefix, such as 10.244.0.0/16"},
		"a service":                  {[]string{"lint", "--dns-service", "kube-dns"}, "write it as namespace/name"},
		"a catalogue":                {[]string{"lint", "-f", hospital, "--service-catalogue", "nowhere.yaml"}, "reading the service catalogue"},
		"diff without a change":      {[]string{"diff"}, "name them with -f"},
		"explain without a question": {[]string{"explain", "world"}, "explain needs FROM, TO and PORT"},
		"a zone":                     {[]string{"matrix", "--zone", "infusoin", "-f", hospital}, `did you mean "infusion"?`},
		"a device":                   {[]string{"explain", "world", "device/biomed-inventory/pump-icu-7", "80", "-f", hospital}, "did you mean device/biomed-inventory/pump-icu-07?"},
		"an endpoint":                {[]string{"explain", "wordl", "zone/infusion", "80", "-f", hospital}, "is no endpoint"},
		"a port":                     {[]string{"explain", "world", "zone/infusion", "dicmo", "-f", hospital}, `did you mean "dicom"?`},
		"a port of none":             {[]string{"explain", "world", "zone/infusion", "70000", "-f", hospital}, "is no port"},
		"no cluster":                 {[]string{"get", "problems", "--kubeconfig", "nowhere"}, "name manifests with -f"},
	} {
		t.Run(name, func(t *testing.T) {
			got := run(t, "", tc.args...)
			if got.code != cli2 || !strings.Contains(got.errOut, tc.want) || got.out != "" {
				t.Errorf("exit %d, want %q in %q; printed %.300q", got.code, tc.want, got.errOut, got.out)
			}
		})
	}
}

func TestOtherKindsAreSkippedAndCounted(t *testing.T) {
	text := zone + "---\n" + strings.Repeat("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n---\n", 2) + "apiVersion: v1\nkind: Secret\nmetadata: {name: z}\n"
	if got := run(t, text, "matrix", "-f", "-"); !strings.Contains(got.errOut, "skipped 3 objects of other kinds: ConfigMap 2, Secret 1") {
		t.Errorf("stderr: %s", got.errOut)
	}
	if got := run(t, text, "matrix", "-q", "-f", "-"); got.errOut != "" {
		t.Errorf("--quiet prints %q", got.errOut)
	}
}

// A workload in a manifest counts as the pod that it would make.
func TestWorkloadsCountAsTheirPods(t *testing.T) {
	text := zone + `---
apiVersion: apps/v1
kind: Deployment
metadata: {name: stranger, namespace: infusion}
spec: {template: {metadata: {labels: {app: stranger}}}}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: nightly, namespace: infusion}
spec: {jobTemplate: {spec: {template: {metadata: {labels: {app: nightly}}}}}}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: gone, namespace: infusion}
spec: {replicas: 0, template: {metadata: {labels: {app: gone}}}}
`
	got := run(t, text, "get", "problems", "-f", "-")
	if !strings.Contains(got.out, "infusion/nightly") || !strings.Contains(got.out, "infusion/stranger") || strings.Contains(got.out, "gone") {
		t.Errorf("problems:\n%s", got.out)
	}
}

// The items of a List are found by line, too: it is what kubectl get -o yaml
// prints.
func TestTheItemsOfAListHaveLines(t *testing.T) {
	text := "apiVersion: v1\nkind: List\nitems:\n"
	for _, line := range strings.SplitAfter(strings.TrimSuffix(zone, "\n"), "\n") {
		prefix := "  "
		if strings.HasPrefix(line, "apiVersion") {
			prefix = "- "
		}
		text += prefix + line
	}
	got := run(t, text+"\n", "lint", "-f", "-")
	if !strings.Contains(got.out, "stdin:4: advice NoOwner DeviceZone/infusion") && !strings.Contains(got.out, "stdin:8: advice NoOwner DeviceZone/infusion") {
		t.Errorf("findings:\n%s", got.out)
	}
}

func TestTheNamespaceFlagIsForObjectsThatNameNone(t *testing.T) {
	text := zone + "---\napiVersion: medfence.io/v1alpha1\nkind: MedicalDevice\nmetadata: {name: pump}\nspec: {zone: infusion, criticality: Therapeutic, workload: {podSelector: {matchLabels: {a: b}}}}\n"
	if got := run(t, text, "lint", "-f", "-", "-n", "infusion"); got.code != cli0 || !strings.Contains(got.out, "MedicalDevice/infusion/pump") {
		t.Errorf("exit %d:\n%s", got.code, got.out)
	}
	if got := run(t, text, "lint", "-f", "-"); got.code != cli1 || !strings.Contains(got.out, "MedicalDevice/default/pump") {
		t.Errorf("exit %d:\n%s", got.code, got.out)
	}
}

// What the API server would refuse is said with file and line before anybody
// applies it; the other objects are judged.
func TestLintRefusesWhatTheAPIServerWould(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "zones.yaml", `apiVersion: medfence.io/v1alpha1
kind: DeviceZone
metadata: {name: pumps}
spec:
  role: Device
  members:
    cidrs: [10.0.0.1/8]
---
apiVersion: medfence.io/v1alpha1
kind: Conduit
metadata: {name: Not_A_Name}
spec:
  from: {zones: [pumps]}
  to: {zones: [pumps]}
  services: [{protocol: TCP, port: 70000}]
  purpose: short
`)
	got := run(t, "", "lint", "-f", dir)
	if got.code != cli1 {
		t.Errorf("exit %d", got.code)
	}
	for _, want := range []string{
		"zones.yaml:7: error Refused DeviceZone/pumps spec.members.cidrs[0]",
		"zones.yaml:4: error Refused DeviceZone/pumps spec",
		"zones.yaml:11: error Refused Conduit/Not_A_Name metadata.name",
		"zones.yaml:15: error Refused Conduit/Not_A_Name spec.services[0].port",
		"zones.yaml:16: error Refused Conduit/Not_A_Name spec.purpose",
	} {
		if !strings.Contains(got.out, want) {
			t.Errorf("lacks %q:\n%s", want, got.out)
		}
	}
}
