package apply

import (
	"encoding/json"
	"slices"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utiljson "k8s.io/apimachinery/pkg/util/json"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/cidrgroup"
)

// FuzzLive: whatever somebody has made of an object of ours, it is read without
// a panic, and what we put over it is ours again: nothing of theirs stays in its
// content, and nothing is left to be written.
func FuzzLive(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"metadata":null}`, `{"spec":[]}`, `{"kind":"CiliumCIDRGroup","metadata":{"name":"g"},"spec":{"externalCIDRs":["10.0.0.0/8","::/0","x",1]}}`,
		`{"kind":"NetworkPolicy","metadata":{"name":"medfence-a","namespace":"icu","annotations":{"medfence.io/intent":"00","medfence.io/stands-for":"medfence-b"},"labels":{"medfence.io/zone":"icu"},"ownerReferences":[{}],"finalizers":["x"]},"spec":{"ingress":[{}]}}`,
		`{"kind":"CiliumNetworkPolicy","metadata":{"name":"a","annotations":{"medfence.io/zone-uid":"u"}},"specs":[{"ingress":[{"fromCIDRSet":[{"cidrGroupRef":"g"},{"cidrGroupSelector":{"matchExpressions":[{"key":"io.cilium.policy.cidrgroupname/g","operator":"Exists"}]}}]}]}],"spec":null}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var fields map[string]any
		if utiljson.Unmarshal(raw, &fields) != nil || fields == nil {
			return // the API server stores objects
		}
		live := &unstructured.Unstructured{Object: fields}
		_, _ = asWritten(live), tampered(live)
		standsFor(live)
		named := cidrgroup.Named(live.Object)
		groups := cidrgroup.Prefixes(live.Object)
		ours := ourContent(t).withPrefixes(groups)
		if got := cidrgroup.Prefixes(ours.body); len(got) > len(groups) {
			t.Errorf("%d prefixes became %d", len(groups), len(got))
		}
		slots := map[string]string{}
		for name := range named {
			slots[name] = name + "-2"
		}
		if got := cidrgroup.Named(contentOf(live).withRefs(slots).body); len(got) > len(named) {
			t.Errorf("of %v became %v", named, got)
		}
		if _, ok := fields["metadata"].(map[string]any); !ok {
			return // and each has metadata
		}
		checkOnto(t, live, ours)
	})
}

// ourContent is what we want to stand.
func ourContent(t *testing.T) content {
	t.Helper()
	c := content{
		body:        map[string]any{"spec": map[string]any{"podSelector": map[string]any{}, "externalCIDRs": []any{"10.0.0.0/8"}}},
		labels:      map[string]string{medfencev1alpha1.LabelManagedBy: medfencev1alpha1.ManagedBy},
		annotations: map[string]string{medfencev1alpha1.AnnotationZoneUID: "u1"},
	}
	return c
}

func checkOnto(t *testing.T, live *unstructured.Unstructured, ours content) {
	t.Helper()
	before, err := json.Marshal(live.Object)
	if err != nil {
		t.Fatal(err)
	}
	next := ours.seal(keyOf(live), live.GetName()).onto(live)
	if after, err := json.Marshal(live.Object); err != nil || string(after) != string(before) {
		t.Errorf("the live object was changed: %s, %v", after, err)
	}
	if tampered(next) {
		t.Errorf("what we wrote is taken for somebody else's: %v", next.Object)
	}
	if words := compare(ours.seal(keyOf(live), live.GetName()), next); len(words) > 0 {
		t.Errorf("there is still something to write: %q", slices.Compact(words))
	}
	if len(next.GetOwnerReferences())+len(next.GetFinalizers()) > 0 {
		t.Errorf("owners and finalizers stay: %v", next.Object)
	}
}

// tampered reports whether an object is not what we wrote.
func tampered(u *unstructured.Unstructured) bool { return newView(nil, nil, newNotes()).tampered(u) }
