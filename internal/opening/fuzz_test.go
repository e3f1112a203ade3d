package opening_test

import (
	"reflect"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/medfence/medfence/internal/opening"
	"github.com/medfence/medfence/internal/snapshot"
	"github.com/medfence/medfence/internal/verdict"
)

// FuzzFind: whatever policy another team writes, it is looked at without a panic,
// with the same result twice, and of every opening there are words.
func FuzzFind(f *testing.F) {
	for _, seed := range []string{
		netpol(`podSelector: {}, ingress: [{}], egress: [{to: [{ipBlock: {cidr: 10.20.0.0/16, except: [10.20.0.0/25]}}], ports: [{port: web}]}]`),
		cnp(`endpointSelector: {}, egress: [{toFQDNs: [{matchPattern: "**."}, {matchName: ""}], toPorts: [{ports: [{port: "53"}], rules: {dns: [{matchPattern: "*"}]}}]}]`),
		cnp(`endpointSelector: {matchExpressions: [{key: a, operator: NotIn, values: [b]}]}, ingressDeny: [{fromEntities: [all]}], ingress: [{icmps: [{fields: [{type: 8}]}]}]`),
		cnp(`nodeSelector: {}, ingress: [{fromRequires: [{}]}]`),
		"kind: CiliumCIDRGroup\napiVersion: cilium.io/v2\nmetadata: {name: archives}\nspec: {externalCIDRs: [0.0.0.0/0, x]}",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var content map[string]any
		if yaml.Unmarshal([]byte(text), &content) != nil || content == nil {
			return // this is no object
		}
		look := func() opening.Result {
			return opening.Find(opening.Input{
				Semantics: verdict.Semantics{Engine: verdict.Cilium}, Plan: hospital(), Zone: "infusion",
				Own: parse(t, baseline+"---"+allows+"---"+guard), Foreign: []*unstructured.Unstructured{{Object: content}},
				Namespaces: []snapshot.Namespace{{Name: "infusion"}, {Name: "pacs"}},
			})
		}
		first := look()
		if !reflect.DeepEqual(first, look()) {
			t.Error("the second time it is another result")
		}
		for _, o := range first.Openings {
			if o.Peers == "" || o.Pods == "" || o.Traffic.Empty() {
				t.Errorf("an opening without words: %+v", o)
			}
		}
	})
}
