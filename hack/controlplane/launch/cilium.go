package launch

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// What a build of Cilium holds: programs, the sources of the datapath that the
// agent compiles at run time, and the CRDs.
const (
	ciliumAgentName = "cilium-agent"
	ciliumCNIName   = "cilium-cni"
	ciliumDebugName = "cilium-dbg"
	ciliumDatapath  = "bpf"
	ciliumCRDs      = "crds"
)

const ciliumModule = "github.com/cilium/cilium"

var ciliumVersionLine = regexp.MustCompile(`(?m)^\s*(?:require )?github\.com/cilium/cilium v(\S+)$`)

// Cilium returns a directory with cilium-agent, cilium-cni, cilium-dbg, bpf/ and
// crds/, and makes it if it is not there. Source is the directory of
// hack/cilium. Only on Linux do the programs do anything.
func (b Builder) Cilium(ctx context.Context) (string, error) {
	r, err := readRecipe(ctx, b.Source, ciliumAgents)
	if err != nil {
		return "", err
	}
	return b.once(ctx, product{
		folder: "cilium", key: r.key(),
		programs: []string{ciliumAgentName, ciliumCNIName, ciliumDebugName},
		make:     func(ctx context.Context, dir string) error { return b.cilium(ctx, r, dir) },
	})
}

// ciliumAgents is what hack/cilium builds.
var ciliumAgents = subject{module: ciliumModule, line: ciliumVersionLine, flags: func(found []string) (string, []string) {
	return "v" + found[1], []string{"-tags=osusergo", "-ldflags=" + ciliumLinkerFlags(found[1])}
}}

// ciliumLinkerFlags give the agent its version, revision and date: with fewer
// words in it the agent takes itself for version "".
func ciliumLinkerFlags(version string) string {
	return fmt.Sprintf("-s -w -X '%s/pkg/version.ciliumVersion=%s module 2026-01-01T00:00:00+00:00'", ciliumModule, version)
}

func (b Builder) cilium(ctx context.Context, r recipe, dir string) error {
	err := b.compile(ctx, compilation{
		what: "Cilium " + r.version, source: r.source, flags: r.flags, output: dir + string(filepath.Separator),
		packages: []string{ciliumModule + "/daemon", ciliumModule + "/plugins/cilium-cni", ciliumModule + "/cilium-dbg"},
	})
	if err != nil {
		return err
	}
	if err := os.Rename(filepath.Join(dir, "daemon"), filepath.Join(dir, ciliumAgentName)); err != nil {
		return fmt.Errorf("naming the agent: %w", err)
	}
	out, err := goCommand(ctx, r.source, "list", "-mod=readonly", "-m", "-f", "{{.Dir}}", ciliumModule).Output()
	if err != nil {
		return fmt.Errorf("asking go where the sources of Cilium are: %w", err)
	}
	module := strings.TrimSpace(string(out))
	// What is in the module cache nobody may write; copies can be deleted again.
	for name, from := range map[string]string{ciliumDatapath: "bpf", ciliumCRDs: "pkg/k8s/apis/cilium.io/client/crds"} {
		if err := os.CopyFS(filepath.Join(dir, name), os.DirFS(filepath.Join(module, from))); err != nil {
			return fmt.Errorf("copying %s: %w", from, err)
		}
	}
	return nil
}
