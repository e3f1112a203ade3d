package launch

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// newCiliumSource is hack/cilium in small: a module of Cilium's name that is
// found beside it, with programs that compile in a second.
func newCiliumSource(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "go.mod"), "module "+ciliumModulePath+"\n\ngo 1.26.0\n\nrequire "+ciliumModule+" v1.20.2\n\nreplace "+ciliumModule+" => ./cilium\n")
	writeFile(t, filepath.Join(dir, "go.sum"), "")
	writeFile(t, filepath.Join(dir, "cilium", "go.mod"), "module "+ciliumModule+"\n\ngo 1.26.0\n")
	for _, program := range []string{"daemon", "plugins/cilium-cni", "cilium-dbg"} {
		writeFile(t, filepath.Join(dir, "cilium", program, "main.go"), hello)
	}
	writeFile(t, filepath.Join(dir, "cilium", "bpf", "lib", "policy.h"), "/* C */")
	writeFile(t, filepath.Join(dir, "cilium", "pkg/k8s/apis/cilium.io/client/crds/v2/ciliumnodes.yaml"), "kind: CustomResourceDefinition")
	return dir
}

func TestABuildOfCiliumHasProgramsAndSources(t *testing.T) {
	var said bytes.Buffer
	b := Builder{Source: newCiliumSource(t), Cache: t.TempDir(), Progress: &said}
	dir, err := b.Cilium(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"cilium-agent", "cilium-cni", "cilium-dbg", "bpf/lib/policy.h", "crds/v2/ciliumnodes.yaml"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Errorf("it has no %s: %v", name, err)
		}
	}
	if !strings.Contains(dir, "v1.20.2-") {
		t.Errorf("it is kept in %s, which does not tell the version", dir)
	}
	said.Reset()
	if again, err := b.Cilium(t.Context()); err != nil || again != dir || said.Len() > 0 {
		t.Errorf("the second time it is %s (%v), and says %q", again, err, &said)
	}
	source, err := FindCiliumSource(b.Source)
	if err != nil || source != b.Source {
		t.Errorf("the source is found at %s, %v", source, err)
	}
	if _, err := FindSource(b.Source); err == nil || !strings.Contains(err.Error(), "hack/controlplane") {
		t.Errorf("it is taken for the control plane's: %v", err)
	}
}

func TestASourceWithoutCiliumIsRefused(t *testing.T) {
	dir := newSource(t)
	if _, err := (Builder{Source: dir, Cache: t.TempDir(), Progress: &bytes.Buffer{}}).Cilium(t.Context()); err == nil || !strings.Contains(err.Error(), "requires no github.com/cilium/cilium") {
		t.Errorf("it says %v", err)
	}
}

// The agent reads its own version from what the linker sets: "VERSION REVISION
// DATE go version ..." (pkg/version of Cilium).
func TestTheAgentIsToldItsVersionInThreeWords(t *testing.T) {
	flags := ciliumLinkerFlags("1.20.2")
	_, version, ok := strings.Cut(flags, "ciliumVersion=")
	if words := strings.Fields(strings.Trim(version, "'")); !ok || len(words) != 3 || words[0] != "1.20.2" {
		t.Errorf("the linker is told %q", flags)
	}
}

func TestTheAPIServerAnswersAtAnAddressOnlyIfTold(t *testing.T) {
	for address, want := range map[string][]string{
		"":          {"--bind-address=127.0.0.1", "--advertise-address=" + advertised},
		"192.0.2.9": {"--bind-address=0.0.0.0", "--advertise-address=192.0.2.9"},
	} {
		got := strings.Join(apiServerFlags(paths{address: address}, Options{Address: address}), " ")
		for _, flag := range want {
			if !strings.Contains(got+" ", flag+" ") {
				t.Errorf("with address %q it is not run with %s", address, flag)
			}
		}
		if n := len((Options{Address: address}).addresses()); (n == 1) != (address != "") {
			t.Errorf("with address %q the certificate is for %d more", address, n)
		}
	}
}
