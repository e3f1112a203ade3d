package zonemap_test

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"github.com/medfence/medfence/internal/analysis"
	"github.com/medfence/medfence/internal/report/zonemap"
	"github.com/medfence/medfence/internal/snapshot"
)

// pictures is where screenshots go, for somebody to look at.
var pictures = flag.String("pictures", "", "folder for screenshots of the map")

const allowAll = `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: allow-all, namespace: infusion}
spec: {podSelector: {}, policyTypes: [Ingress], ingress: [{}]}
`

// passed is the line of node's runner that says how many tests passed.
var passed = regexp.MustCompile(`(?m)^# pass (\d+)$`)

// TestTheMapInABrowser writes maps to files and has them tried in Debian's
// Chromium, driven by Playwright: browser/map.test.mjs.
func TestTheMapInABrowser(t *testing.T) {
	pages := t.TempDir()
	for name, chart := range map[string]*analysis.Chart{
		"hospital": hospital(t),
		"opening":  sampleWith(t, snapshot.Netpol, allowAll),
		"large":    large(100, 100),
	} {
		var text bytes.Buffer
		if err := zonemap.HTML(&text, chart); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(pages, name+".html"), text.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatalf("%v: run `hack/setup.sh test`, which installs it", err)
	}
	if _, err := os.Stat("browser/node_modules/playwright-core"); err != nil {
		t.Fatalf("%v: run `hack/setup.sh test`, which installs it", err)
	}
	node := exec.CommandContext(t.Context(), "node", "--test", "--test-reporter=tap", "map.test.mjs")
	node.Dir = "browser"
	node.Env = append(os.Environ(), "CHROMIUM="+chromium, "MEDFENCE_PAGES="+pages, "MEDFENCE_PICTURES="+absolute(t, *pictures))
	said, err := node.CombinedOutput()
	t.Logf("%s", said)
	if err != nil {
		t.Fatalf("node --test: %v", err)
	}
	if found := passed.FindSubmatch(said); found == nil || atoi(t, found[1]) < 14 {
		t.Error("fewer tests ran than there are")
	}
}

func absolute(t *testing.T, path string) string {
	t.Helper()
	if path == "" {
		return ""
	}
	path, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func atoi(t *testing.T, text []byte) int {
	t.Helper()
	n, err := strconv.Atoi(string(text))
	if err != nil {
		t.Fatal(err)
	}
	return n
}
