package gitops

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"github.com/google/go-cmp/cmp"
	lua "github.com/yuin/gopher-lua"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

const (
	statuses = "../../controllers/testdata/statuses"
	argocdCM = "../../config/argocd/argocd-cm.yaml"
)

// A health is what Argo CD shows.
type health struct{ Status, Message string }

// scripts are the health checks that config/argocd gives, by kind.
func scripts(t *testing.T) map[string]string {
	t.Helper()
	raw, err := os.ReadFile(argocdCM)
	if err != nil {
		t.Fatal(err)
	}
	cm := &corev1.ConfigMap{}
	if err := yaml.UnmarshalStrict(raw, cm); err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for key, text := range cm.Data {
		out[strings.TrimPrefix(key, "resource.customizations.health.medfence.io_")] = text
	}
	return out
}

// healthOf runs a check as Argo CD does: without the libraries of strings and of
// the machine, for a second at most, with the object as obj. What is being
// deleted is Progressing before any script is asked.
func healthOf(t *testing.T, script string, o map[string]any) health {
	t.Helper()
	if (&unstructured.Unstructured{Object: o}).GetDeletionTimestamp() != nil {
		return health{"Progressing", "Pending deletion"}
	}
	l := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer l.Close()
	for name, open := range map[string]lua.LGFunction{lua.LoadLibName: lua.OpenPackage, lua.BaseLibName: lua.OpenBase, lua.TabLibName: lua.OpenTable} {
		if err := l.CallByParam(lua.P{Fn: l.NewFunction(open), Protect: true}, lua.LString(name)); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	l.SetContext(ctx)
	l.SetGlobal("obj", luaValue(l, o))
	if err := l.DoString(script); err != nil {
		t.Fatal(err)
	}
	answer, ok := l.Get(-1).(*lua.LTable)
	if !ok {
		t.Fatalf("the script returns %s", l.Get(-1).Type())
	}
	return health{lua.LVAsString(answer.RawGetString("status")), lua.LVAsString(answer.RawGetString("message"))}
}

// luaValue turns JSON into what Lua knows.
func luaValue(l *lua.LState, value any) lua.LValue {
	switch v := value.(type) {
	case bool:
		return lua.LBool(v)
	case float64:
		return lua.LNumber(v)
	case int64:
		return lua.LNumber(v)
	case string:
		return lua.LString(v)
	case []any:
		table := l.NewTable()
		for _, item := range v {
			table.Append(luaValue(l, item))
		}
		return table
	case map[string]any:
		table := l.NewTable()
		for key, item := range v {
			table.RawSetString(key, luaValue(l, item))
		}
		return table
	}
	return lua.LNil
}

// inStates reads an object of each kind in each state, as the operator's own
// tests wrote them.
func inStates(t *testing.T) map[string]*unstructured.Unstructured {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(statuses, "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no statuses: %v", err)
	}
	out := map[string]*unstructured.Unstructured{}
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		o, decoder := &unstructured.Unstructured{}, utilyaml.NewYAMLOrJSONDecoder(bytes.NewReader(raw), 4096)
		if err := decoder.Decode(o); err != nil {
			t.Fatal(err)
		}
		out[strings.TrimSuffix(filepath.Base(f), ".yaml")] = o
	}
	return out
}

// expected has, for every state, what Argo CD shows and what Flux (kstatus)
// waits for.
var expected = map[string][2]string{
	"conduit-a-zone-not-written":                    {"Progressing", "InProgress"},
	"conduit-a-zone-unknown":                        {"Unknown", "InProgress"},
	"conduit-enforced":                              {"Healthy", "Current"},
	"conduit-expired":                               {"Suspended", "Current"},
	"conduit-in-part":                               {"Healthy", "Current"},
	"conduit-nobody-on-a-side":                      {"Healthy", "Current"},
	"conduit-not-at-all":                            {"Degraded", "Failed"},
	"conduit-one-zone-in-observe":                   {"Healthy", "Current"},
	"conduit-refused-with-an-earlier-spec":          {"Degraded", "Failed"},
	"conduit-scheduled":                             {"Healthy", "Current"},
	"conduit-stopped-by-others":                     {"Degraded", "Failed"},
	"conduit-without-pods":                          {"Healthy", "Current"},
	"devicezone-a-peer":                             {"Healthy", "Current"},
	"devicezone-a-pod-outside-every-policy":         {"Healthy", "Current"},
	"devicezone-a-setting-that-defeats-nothing-yet": {"Healthy", "Current"},
	"devicezone-altered-by-a-webhook":               {"Degraded", "Failed"},
	"devicezone-at-a-cost-that-nobody-knows":        {"Healthy", "Current"},
	"devicezone-defeated-by-a-setting":              {"Degraded", "Failed"},
	"devicezone-enforced":                           {"Healthy", "Current"},
	"devicezone-going":                              {"Progressing", "Terminating"},
	"devicezone-held":                               {"Progressing", "Terminating"},
	"devicezone-invalid-to-cilium":                  {"Degraded", "Failed"},
	"devicezone-isolation-a-peer":                   {"Healthy", "Current"},
	"devicezone-isolation-a-setting-voids-it":       {"Degraded", "Failed"},
	"devicezone-isolation-a-way-round":              {"Degraded", "Current"},
	"devicezone-isolation-being-written":            {"Healthy", "Current"},
	"devicezone-isolation-blocked":                  {"Healthy", "Current"},
	"devicezone-isolation-invalid-to-cilium":        {"Degraded", "Failed"},
	"devicezone-isolation-nobody-else":              {"Healthy", "Current"},
	"devicezone-isolation-observe":                  {"Healthy", "Current"},
	"devicezone-isolation-open":                     {"Degraded", "Failed"},
	"devicezone-isolation-open-twice":               {"Degraded", "Failed"},
	"devicezone-isolation-possible":                 {"Healthy", "Current"},
	"devicezone-isolation-wide-prefixes":            {"Healthy", "Current"},
	"devicezone-isolation-written-once-more":        {"Healthy", "Current"},
	"devicezone-no-pods":                            {"Healthy", "Current"},
	"devicezone-nobody-in-it":                       {"Healthy", "Current"},
	"devicezone-not-written-yet":                    {"Progressing", "InProgress"},
	"devicezone-observing":                          {"Healthy", "Current"},
	"devicezone-over-its-budget":                    {"Healthy", "Current"},
	"devicezone-refused-from-the-start":             {"Degraded", "Failed"},
	"devicezone-refused-with-an-earlier-spec":       {"Degraded", "Failed"},
	"devicezone-unknown":                            {"Unknown", "InProgress"},
	"devicezone-within-its-budget":                  {"Healthy", "Current"},
	"medicaldevice-a-pod-outside-every-policy":      {"Healthy", "Current"},
	"medicaldevice-enforced":                        {"Healthy", "Current"},
	"medicaldevice-its-zone-not-written":            {"Progressing", "InProgress"},
	"medicaldevice-its-zone-unknown":                {"Unknown", "InProgress"},
	"medicaldevice-no-pod-yet":                      {"Healthy", "Current"},
	"medicaldevice-observing":                       {"Healthy", "Current"},
	"medicaldevice-refused":                         {"Degraded", "Failed"},
	"medicaldevice-without-pods":                    {"Healthy", "Current"},
}

func TestArgoCDAndFluxUnderstandEveryStatus(t *testing.T) {
	texts, all := scripts(t), inStates(t)
	for name, o := range all {
		want, ok := expected[name]
		if !ok {
			t.Errorf("%s: nobody says what Argo CD and Flux make of it", name)
		}
		argo := healthOf(t, texts[o.GetKind()], o.Object)
		flux, err := status.Compute(o)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, [2]string{argo.Status, string(flux.Status)}); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", name, diff)
		}
		if argo.Message == "" || argo.Status == "Degraded" && !strings.Contains(flux.Message, argo.Message) && want[1] == "Failed" && condition(o, "Isolated") == nil {
			t.Errorf("%s: Argo CD says %q and Flux %q", name, argo.Message, flux.Message)
		}
	}
	for name := range expected {
		if all[name] == nil {
			t.Errorf("%s is no state of the operator", name)
		}
	}
}

// condition returns a condition of an object, or nil.
func condition(o *unstructured.Unstructured, kind string) map[string]any {
	list, _, _ := unstructured.NestedSlice(o.Object, "status", "conditions")
	for _, c := range list {
		if c, ok := c.(map[string]any); ok && c["type"] == kind {
			return c
		}
	}
	return nil
}

// What the operator has not seen is not healthy, whatever the status said of an
// earlier spec.
func TestWhatTheOperatorHasNotSeenIsProgressing(t *testing.T) {
	texts := scripts(t)
	if diff := cmp.Diff(texts["Conduit"], texts["DeviceZone"]) + cmp.Diff(texts["Conduit"], texts["MedicalDevice"]); diff != "" || len(texts) != 3 {
		t.Errorf("the checks of %d kinds differ:\n%s", len(texts), diff)
	}
	for name, o := range inStates(t) {
		for edit, change := range map[string]func(map[string]any){
			"edited":           func(o map[string]any) { o["metadata"].(map[string]any)["generation"] = int64(8) },
			"without a status": func(o map[string]any) { delete(o, "status") },
			"empty":            func(o map[string]any) { o["status"] = map[string]any{} },
			"half seen": func(o map[string]any) {
				o["status"].(map[string]any)["conditions"] = []any{map[string]any{"type": "Isolated", "status": "False"}}
			},
		} {
			seen := o.DeepCopy()
			change(seen.Object)
			if got := healthOf(t, texts[o.GetKind()], seen.Object); got.Status != "Progressing" || got.Message == "" {
				t.Errorf("%s, %s: %v", name, edit, got)
			}
		}
		// kstatus waits for an observedGeneration, but takes what has no status at
		// all for done: docs/gitops.md says so.
		edited, bare := o.DeepCopy(), o.DeepCopy()
		edited.SetGeneration(8)
		delete(bare.Object, "status")
		bare.SetDeletionTimestamp(nil)
		for want, o := range map[status.Status]*unstructured.Unstructured{status.InProgressStatus: edited, status.CurrentStatus: bare} {
			if got, err := status.Compute(o); err != nil || got.Status != want && o.GetDeletionTimestamp() == nil {
				t.Errorf("%s: kstatus says %v, want %s (%v)", name, got, want, err)
			}
		}
	}
}
