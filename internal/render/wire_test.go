package render_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	ciliumv2 "github.com/cilium/cilium/pkg/k8s/apis/cilium.io/v2"
	"github.com/cilium/cilium/pkg/option"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/render"
	"github.com/medfence/medfence/internal/render/object"
	"github.com/medfence/medfence/internal/render/plantest"
	"github.com/medfence/medfence/internal/snapshot"
)

var targets = []snapshot.TargetKind{snapshot.Netpol, snapshot.Cilium}

// bytesOf returns the n-th list of random bytes; always the same for one n.
func bytesOf(n uint64) []byte {
	random := rand.New(rand.NewPCG(n, 1))
	out := make([]byte, 2048)
	for i := range out {
		out[i] = byte(random.Uint32())
	}
	return out
}

func TestRandomPlansGiveSafeObjects(t *testing.T) {
	enableCilium(t)
	for n := range uint64(300) {
		for _, target := range targets {
			checkPlan(t, target, bytesOf(n))
		}
		if t.Failed() {
			t.Fatalf("first failure: bytes %d", n)
		}
	}
}

func FuzzRender(f *testing.F) {
	enableCilium(f)
	for n := range uint64(8) {
		f.Add(true, bytesOf(n))
		f.Add(false, bytesOf(n))
	}
	f.Fuzz(func(t *testing.T, cilium bool, raw []byte) {
		target := snapshot.Netpol
		if cilium {
			target = snapshot.Cilium
		}
		checkPlan(t, target, raw)
	})
}

// enableCilium sets the options that Cilium's agents set: without them their
// validation refuses ICMP and layer 7.
func enableCilium(tb testing.TB) {
	tb.Helper()
	c := option.Config
	proxy, icmp, allow := c.EnableL7Proxy, c.EnableICMPRules, c.EnableNonDefaultDenyPolicies
	c.EnableL7Proxy, c.EnableICMPRules, c.EnableNonDefaultDenyPolicies = true, true, true
	tb.Cleanup(func() {
		c.EnableL7Proxy, c.EnableICMPRules, c.EnableNonDefaultDenyPolicies = proxy, icmp, allow
	})
}

func checkPlan(t *testing.T, target snapshot.TargetKind, raw []byte) {
	t.Helper()
	p := plantest.Random(plantest.NewDice(raw), target)
	objects := render.All(p)
	checkNames(t, objects)
	checkGroupsApart(t, objects)
	for _, o := range objects {
		checkWire(t, o)
		checkRoundTrip(t, o)
	}
	var byZone []object.Object
	for _, z := range p.Zones {
		byZone = append(byZone, render.Zone(p, z.Name)...)
	}
	object.Sort(byZone)
	if !bytes.Equal(wire(t, objects), wire(t, byZone)) {
		t.Error("the zones one by one are not all zones at once")
	}
	shuffled := plantest.Shuffle(p, plantest.NewDice(slices.Concat(raw[len(raw)/2:], raw)))
	if want, got := wire(t, objects), wire(t, render.All(shuffled)); !bytes.Equal(want, got) {
		t.Errorf("another order of the plan gives other bytes:\n%s\n---\n%s", want, got)
	}
}

// wire returns what is sent, one object a line.
func wire(t *testing.T, objects []object.Object) []byte {
	t.Helper()
	var out bytes.Buffer
	for _, o := range objects {
		if err := json.NewEncoder(&out).Encode(o.KubeObject); err != nil {
			t.Fatal(err)
		}
	}
	return out.Bytes()
}

func checkNames(t *testing.T, objects []object.Object) {
	t.Helper()
	seen := map[string]bool{}
	for _, o := range objects {
		id := fmt.Sprintf("%s %s/%s", o.Kind(), o.GetNamespace(), o.GetName())
		if seen[id] {
			t.Errorf("%s is rendered twice", id)
		}
		seen[id] = true
		if !strings.HasPrefix(o.GetName(), "medfence-") || len(validation.IsDNS1123Subdomain(o.GetName())) > 0 {
			t.Errorf("%s is not a name of ours", id)
		}
		for key, value := range o.GetLabels() {
			if len(validation.IsValidLabelValue(value)) > 0 {
				t.Errorf("%s: label %s=%q is invalid", id, key, value)
			}
		}
		if o.GetAnnotations()[medfencev1alpha1.AnnotationZoneUID] == "" {
			t.Errorf("%s does not say whose it is", id)
		}
		if len(o.GetOwnerReferences())+len(o.GetFinalizers()) > 0 {
			t.Errorf("%s has an owner or a finalizer", id)
		}
	}
}

func checkGroupsApart(t *testing.T, objects []object.Object) {
	t.Helper()
	owner := map[netip.Prefix]string{}
	for _, o := range objects {
		group, ok := o.KubeObject.(*ciliumv2.CiliumCIDRGroup)
		if !ok {
			continue
		}
		for _, cidr := range group.Spec.ExternalCIDRs {
			prefix, err := netip.ParsePrefix(string(cidr))
			if err != nil {
				t.Errorf("group %s: %v", group.Name, err)
			}
			for other, name := range owner {
				if prefix.Overlaps(other) {
					t.Errorf("groups %s and %s share addresses: %s, %s", name, group.Name, other, prefix)
				}
			}
			owner[prefix] = group.Name
		}
	}
}

// peerFields are the fields of which a rule must have one, with something in
// it.
var peerFields = []string{
	"from", "to", "fromEndpoints", "toEndpoints", "fromCIDRSet", "toCIDRSet",
	"fromEntities", "toEntities", "toFQDNs",
}

// checkWire looks at what is sent: no rule without peers or without ports, no
// empty list of either, nothing that the API server would drop. The rules of a
// baseline alone are empty, and then it denies by default.
func checkWire(t *testing.T, o object.Object) {
	t.Helper()
	fields, err := object.Fields(o.KubeObject)
	if err != nil {
		t.Fatal(err)
	}
	where := o.Kind() + " " + o.GetNamespace() + "/" + o.GetName()
	spec, _ := fields["spec"].(map[string]any)
	if o.Stage == object.StageBaseline {
		checkBaseline(t, o)
		return
	}
	if o.Stage >= object.StageGuard {
		checkDenials(t, where, fields)
		checkNothingEmpty(t, where, "", fields)
		return
	}
	for _, direction := range []string{"ingress", "egress"} {
		rules, _ := spec[direction].([]any)
		for i, item := range rules {
			rule, _ := item.(map[string]any)
			checkRule(t, fmt.Sprintf("%s spec.%s[%d]", where, direction, i), rule)
		}
	}
	checkNothingEmpty(t, where, "", fields)
}

func checkRule(t *testing.T, where string, rule map[string]any) {
	t.Helper()
	kinds := 0
	for _, field := range peerFields {
		if list, ok := rule[field].([]any); ok && len(list) > 0 {
			kinds++
		}
	}
	if kinds != 1 {
		t.Errorf("%s has %d kinds of peers", where, kinds)
	}
	ports, _ := rule["ports"].([]any)
	toPorts, _ := rule["toPorts"].([]any)
	icmps, _ := rule["icmps"].([]any)
	if len(ports) == 0 && len(toPorts) == 0 && len(icmps) == 0 {
		t.Errorf("%s permits every port", where)
	}
	if len(toPorts) > 0 && len(icmps) > 0 {
		t.Errorf("%s has ports and ICMP types", where)
	}
	count := 0
	for _, item := range append(toPorts, icmps...) {
		part, _ := item.(map[string]any)
		list, _ := part["ports"].([]any)
		fields, _ := part["fields"].([]any)
		if len(list)+len(fields) == 0 {
			t.Errorf("%s has a part that permits every port", where)
		}
		count += len(list) + len(fields)
		for _, f := range fields {
			if field, ok := f.(map[string]any); !ok || field["type"] == 0.0 || field["type"] == nil {
				t.Errorf("%s names ICMP type 0, which is every type", where)
			}
		}
		for _, p := range list {
			if port, ok := p.(map[string]any); !ok || port["port"] == "0" || port["port"] == nil {
				t.Errorf("%s names port 0, which is every port", where)
			}
		}
	}
	if count > 40 {
		t.Errorf("%s has %d ports, more than Cilium takes", where, count)
	}
}

// checkNothingEmpty fails on null, {} and [] wherever they are: each of them is
// dropped by the API server or means everyone. A policy for every pod of its
// namespace is the one place where {} is meant.
func checkNothingEmpty(t *testing.T, where, path string, value any) {
	t.Helper()
	switch v := value.(type) {
	case nil:
		t.Errorf("%s: %s is null", where, path)
	case map[string]any:
		if len(v) == 0 && path != ".spec.endpointSelector" {
			t.Errorf("%s: %s is empty", where, path)
		}
		for name, field := range v {
			checkNothingEmpty(t, where, path+"."+name, field)
		}
	case []any:
		if len(v) == 0 {
			t.Errorf("%s: %s is empty", where, path)
		}
		for _, item := range v {
			checkNothingEmpty(t, where, path+"[]", item)
		}
	}
}

func checkBaseline(t *testing.T, o object.Object) {
	t.Helper()
	switch policy := o.KubeObject.(type) {
	case *networkingv1.NetworkPolicy:
		if len(policy.Spec.PolicyTypes) != 2 || len(policy.Spec.Ingress)+len(policy.Spec.Egress) > 0 {
			t.Errorf("baseline %s/%s does not deny both ways", policy.Namespace, policy.Name)
		}
	case *ciliumv2.CiliumClusterwideNetworkPolicy:
		raw, err := json.Marshal(policy.Spec)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{`"ingress":[{}]`, `"egress":[{}]`, `"enableDefaultDeny":{"ingress":true,"egress":true}`} {
			if !bytes.Contains(raw, []byte(want)) {
				t.Errorf("baseline %s lacks %s: %s", policy.Name, want, raw)
			}
		}
	default:
		t.Errorf("%s is no baseline", o.Kind())
	}
}

// checkRoundTrip reads what was sent as Cilium's agents do: it must come back
// the same, and be valid.
func checkRoundTrip(t *testing.T, o object.Object) {
	t.Helper()
	raw, err := json.Marshal(o.KubeObject)
	if err != nil {
		t.Fatal(err)
	}
	back, sanitize := blank(o)
	if err := json.Unmarshal(raw, back); err != nil {
		t.Fatalf("%s %s cannot be read: %v", o.Kind(), o.GetName(), err)
	}
	again, err := json.Marshal(back)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(raw, again) {
		t.Errorf("%s %s comes back different:\n%s\n%s", o.Kind(), o.GetName(), raw, again)
	}
	if err := sanitize(); err != nil {
		t.Errorf("%s %s is invalid to Cilium: %v\n%s", o.Kind(), o.GetName(), err, raw)
	}
}

// blank returns an object of the same type to read into, and Cilium's own
// validation of it. That changes what it validates: never do it to a rendered
// object.
func blank(o object.Object) (object.KubeObject, func() error) {
	switch o.KubeObject.(type) {
	case *ciliumv2.CiliumNetworkPolicy:
		out := &ciliumv2.CiliumNetworkPolicy{}
		return out, func() error { return out.DeepCopy().Spec.Sanitize() }
	case *ciliumv2.CiliumClusterwideNetworkPolicy:
		out := &ciliumv2.CiliumClusterwideNetworkPolicy{}
		return out, func() error {
			_, err := out.Parse(slog.New(slog.DiscardHandler), "default")
			return err
		}
	case *ciliumv2.CiliumCIDRGroup:
		return &ciliumv2.CiliumCIDRGroup{}, func() error { return nil }
	}
	return &networkingv1.NetworkPolicy{}, func() error { return nil }
}
