package verdict_test

import (
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/medfence/medfence/internal/flow"
	"github.com/medfence/medfence/internal/verdict"
)

var testFlow = flow.Flow{Protocol: flow.TCP, Port: 104}

// FuzzJudge: whatever is written, there is an answer and a reason; the answer is
// the same every time; and an unknown field added to it makes Unknown, or leaves
// denied, what the object may decide.
func FuzzJudge(f *testing.F) {
	for _, seed := range []string{
		baseline, allowAll, conduit, denyPACS,
		"kind: CiliumNetworkPolicy\nmetadata: {name: a, namespace: infusion}\nspec: {endpointSelector: {}, egress: [{icmps: [{fields: [{type: EchoRequest}]}]}]}",
		"kind: CiliumNetworkPolicy\nmetadata: {name: a, namespace: infusion}\nspecs: [{endpointSelector: {}, egress: [{toFQDNs: [{matchPattern: '*'}], toPorts: [{ports: [{port: web}]}]}]}]",
		"kind: CiliumCIDRGroup\nmetadata: {name: a}\nspec: {externalCIDRs: [10.0.0.0/8, nonsense]}",
		"kind: CiliumClusterwideNetworkPolicy\nmetadata: {name: a}\nspec: {endpointSelector: null, egress: [{toCIDRSet: [{cidrGroupSelector: {}, except: [a]}]}]}",
	} {
		f.Add("apiVersion: cilium.io/v2\n" + seed)
		f.Add("apiVersion: networking.k8s.io/v1\n" + seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var content map[string]any
		if yaml.Unmarshal([]byte(text), &content) != nil {
			return // this is no YAML
		}
		obj := &unstructured.Unstructured{Object: content}
		for _, engine := range []verdict.Engine{verdict.Cilium, verdict.NetworkPolicy} {
			s := verdict.Semantics{Engine: engine}
			first := decisions(t, verdict.New(s, obj))
			if again := decisions(t, verdict.New(s, obj)); again != first {
				t.Errorf("%s: %v, then %v", engine, first, again)
			}
		}
		checkUnknownField(t, content)
	})
}

// decisions asks about the pod to an address and back.
func decisions(t *testing.T, j *verdict.Judge) (out [3]verdict.Decision) {
	t.Helper()
	for i, v := range []verdict.Verdict{
		j.Judge(hospital["gateway"], hospital["internet"], testFlow),
		j.Judge(hospital["internet"], hospital["gateway"], testFlow),
		j.Judge(hospital["gateway"], hospital["pacs"], testFlow),
	} {
		if v.Decision != verdict.Allow && v.Decision != verdict.Deny && v.Decision != verdict.Unknown {
			t.Errorf("the decision is %q", v.Decision)
		}
		if len(v.Steps) == 0 {
			t.Error("nothing says why")
		}
		out[i] = v.Decision
	}
	return out
}

// checkUnknownField adds a field that nobody knows to the spec.
func checkUnknownField(t *testing.T, content map[string]any) {
	t.Helper()
	spec, ok := content["spec"].(map[string]any)
	meta, _ := content["metadata"].(map[string]any)
	if !ok || meta["namespace"] != "infusion" || content["kind"] == "CiliumCIDRGroup" {
		return
	}
	spec["medfenceUnknown"] = map[string]any{}
	j := verdict.New(verdict.Semantics{Engine: verdict.Cilium}, &unstructured.Unstructured{Object: content})
	if v := j.Judge(hospital["gateway"], hospital["internet"], testFlow); v.Decision != verdict.Unknown {
		t.Errorf("an unknown field became %s", v.Decision)
	}
}
