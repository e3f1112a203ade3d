package apply

import (
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/medfence/medfence/internal/render/object"
)

// together lets a write pass when so many wait, or when nobody comes for a while.
// The function that it returns says how many waited for each other at most.
func (l *lab) together(want int, patience time.Duration) func() int {
	var mu sync.Mutex
	met, waiting, most := make(chan struct{}), 0, 0
	count := func(more int) {
		mu.Lock()
		defer mu.Unlock()
		waiting += more
		if most = max(most, waiting); more > 0 && waiting == want {
			close(met)
		}
	}
	l.wire.before = func(int, string) {
		count(1)
		defer count(-1)
		select {
		case <-met:
		case <-time.After(patience):
		}
	}
	return func() int {
		l.wire.before = nil
		return most
	}
}

func TestWhatOnlyLetsMorePassIsWrittenAtOnce(t *testing.T) {
	both := map[string][]string{"a": nil, "b": nil}
	less := map[string][]string{"a": nil}
	cases := map[string]struct {
		before, after func(l *lab) []object.Object
		want          int
	}{
		"a conduit is added": {
			func(l *lab) []object.Object {
				return []object.Object{l.allow("medfence-x", l.name("monitors")), l.guardOf(both)}
			},
			func(l *lab) []object.Object {
				return []object.Object{l.allow("medfence-x", l.name("monitors"), l.name("pumps")), l.guardOf(less)}
			},
			2,
		},
		"a workload gets its first conduit": {
			func(l *lab) []object.Object { return []object.Object{l.guardOf(both)} },
			func(l *lab) []object.Object { return []object.Object{l.allow("medfence-x"), l.guardOf(less)} },
			2,
		},
		"one is added to two workloads": {
			func(l *lab) []object.Object {
				return []object.Object{l.allow("medfence-x", l.name("monitors")), l.guardOf(both)}
			},
			func(l *lab) []object.Object {
				return []object.Object{l.allow("medfence-x", l.name("monitors"), l.name("pumps")), l.allow("medfence-y"), l.guardOf(less)}
			},
			3,
		},
		"the guard denies something else": {
			func(l *lab) []object.Object {
				return []object.Object{l.allow("medfence-x", l.name("monitors")), l.guardOf(both)}
			},
			func(l *lab) []object.Object {
				return []object.Object{l.allow("medfence-x", l.name("monitors"), l.name("pumps")), l.guardOf(map[string][]string{"a": nil, "c": nil})}
			},
			1,
		},
		"an allow allows something else": {
			func(l *lab) []object.Object {
				return []object.Object{l.allow("medfence-x", l.name("monitors")), l.guardOf(both)}
			},
			func(l *lab) []object.Object {
				return []object.Object{l.allow("medfence-x", l.name("pumps")), l.guardOf(less)}
			},
			1,
		},
		"a baseline changes": {
			func(l *lab) []object.Object {
				return []object.Object{l.allow("medfence-x", l.name("monitors")), l.guardOf(both)}
			},
			func(l *lab) []object.Object {
				return []object.Object{l.allow("medfence-x", l.name("monitors"), l.name("pumps")), l.guardOf(less), l.closed()}
			},
			1,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			groups := []object.Object{l.group(l.name("pumps"), "10.20.0.0/24"), l.group(l.name("monitors"), "10.20.1.0/24")}
			l.request.Groups = l.planned(groups...)
			l.settle(append(groups, tc.before(l)...)...)
			patience := 200 * time.Millisecond
			if tc.want > 1 {
				patience = time.Minute
			}
			met := l.together(max(tc.want, 2), patience)
			after := append(groups, tc.after(l)...)
			_, writes := l.apply(after...)
			if got := met(); got != tc.want {
				t.Errorf("%d of %q at once, want %d", got, writes, tc.want)
			}
			l.rest(after...)
		})
	}
}

// An allow that fails does not keep the guard from its next form, which lets pass
// nothing that is not permitted; the next pass brings the rest.
func TestAFailureAmongWhatIsWrittenAtOnceIsMended(t *testing.T) {
	for _, failing := range []string{"update ciliumnetworkpolicies", "update ciliumclusterwidenetworkpolicies"} {
		t.Run(failing, func(t *testing.T) {
			l := newLab(t)
			pumps := l.group(l.name("pumps"), "10.20.0.0/24")
			l.request.Groups = l.planned(pumps)
			l.settle(pumps, l.allow("medfence-x", l.name("pumps")), l.guardOf(map[string][]string{"a": nil, "b": nil}))
			l.request.Desired = []object.Object{pumps, l.allow("medfence-x", l.name("pumps"), "theirs"), l.guardOf(map[string][]string{"a": nil})}
			l.wire.refuse = func(request string) bool { return strings.HasPrefix(request, failing) }
			if _, err := l.try(); err == nil || !strings.Contains(err.Error(), "updating Cilium") {
				t.Errorf("error = %v, want the failed update", err)
			}
			writes := l.wire.take()
			slices.Sort(writes)
			l.order(writes, "update ciliumclusterwidenetworkpolicies medfence-guard-Z", "update ciliumnetworkpolicies medfence-x")
			l.wire.refuse = nil
			l.settle(l.request.Desired...)
			l.rest(l.request.Desired...)
		})
	}
}

// Somebody altered the guard: it is repaired in its order.
func TestNothingIsWrittenAtOnceBesideWhatWasTamperedWith(t *testing.T) {
	l := newLab(t)
	pumps := l.group(l.name("pumps"), "10.20.0.0/24")
	guard := l.guardOf(map[string][]string{"a": nil})
	l.request.Groups = l.planned(pumps)
	l.settle(pumps, l.allow("medfence-x"), guard)
	l.patch(atOf(guard), `{"specs":null,"spec":{"endpointSelector":{},"enableDefaultDeny":{"ingress":false},"ingressDeny":[{}]}}`)
	l.sync()
	_, writes := l.apply(pumps, l.allow("medfence-x", l.name("pumps")), guard)
	l.order(writes, "update ciliumnetworkpolicies medfence-x", "update ciliumclusterwidenetworkpolicies medfence-guard-Z")
}

func TestAllowsMore(t *testing.T) {
	body := func(spec string) map[string]any {
		var out map[string]any
		if err := json.Unmarshal([]byte(`{"spec":`+spec+`}`), &out); err != nil {
			t.Fatal(err)
		}
		return out
	}
	for _, tc := range []struct {
		now, next string
		want      bool
	}{
		{`{"ingress":[{"a":1}]}`, `{"ingress":[{"b":1},{"a":1}]}`, true},
		{`{"ingress":[]}`, `{"egress":[{"a":1}]}`, true},
		{`{"endpointSelector":{"x":"y"}}`, `{"endpointSelector":{"x":"y"},"ingress":[{"a":1}]}`, true},
		{`{"ingress":[{"a":1}]}`, `{"ingress":[{"a":2}]}`, false},
		{`{"ingress":[{"a":1}]}`, `{"egress":[{"a":1}]}`, false},
		{`{"ingress":[{"a":1}]}`, `{"ingress":[{"a":1}],"ingressDeny":[{"a":1}]}`, false},
		{`{"endpointSelector":{"x":"y"}}`, `{"endpointSelector":{"x":"z"}}`, false},
		{`{"ingress":[{"a":1}],"enableDefaultDeny":{"ingress":false}}`, `{"ingress":[{"a":1}],"enableDefaultDeny":{"ingress":true}}`, false},
	} {
		if got := allowsMore(body(tc.now), body(tc.next)); got != tc.want {
			t.Errorf("%s to %s: %t, want %t", tc.now, tc.next, got, tc.want)
		}
	}
	if allowsMore(map[string]any{"specs": []any{}}, map[string]any{"specs": []any{}}) {
		t.Error("what it cannot read it takes for more")
	}
}

// What the account costs is measured by BenchmarkAGuardChanges.
func TestOurChangesKeepNoAccountOfFields(t *testing.T) {
	l := newLab(t)
	managers := func(o object.Object) (names []string) {
		for _, entry := range l.live(atOf(o)).GetManagedFields() {
			names = append(names, entry.Manager)
		}
		return names
	}
	first := l.netpol("medfence-x", 104)
	l.settle(first)
	if diff := cmp.Diff([]string{"medfence"}, managers(first)); diff != "" {
		t.Errorf("after it was created (-want +got):\n%s", diff)
	}
	l.settle(l.netpol("medfence-x", 104, 443))
	if got := managers(first); len(got) > 0 {
		t.Errorf("after our change it is managed by %s", got)
	}
}
