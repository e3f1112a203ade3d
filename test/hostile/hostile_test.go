package hostile

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/medfence/medfence/internal/schema"
	"github.com/medfence/medfence/test/stage"
)

// howMany is how many edits the test makes: few in CI, more by HOSTILE.
func howMany(t *testing.T) int {
	t.Helper()
	text := os.Getenv("HOSTILE")
	if text == "" {
		return 200
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("HOSTILE=%s: write a number of edits", text)
	}
	return n
}

// seed is that of all edits, or SEED.
func seed(t *testing.T) uint64 {
	t.Helper()
	text := os.Getenv("SEED")
	if text == "" {
		return 1
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("SEED=%s: write a number", text)
	}
	return n
}

// A crowd edits a cluster at random, and counts what comes of it.
type crowd struct {
	*testing.T
	*Generator
	*stage.Stage
	checker *schema.Checker
	// accepted and refused count the edits of objects of ours.
	accepted, refused int
}

// Whatever people write that the schema lets pass: the operator lives, comes to
// rest, says of every object how it stands in words that can be read, and has
// written only what the API server takes. Started anew, it finds nothing to do.
func TestTheOperatorBearsWhateverIsValid(t *testing.T) {
	s := cluster(t)
	g, err := New(seed(t))
	if err != nil {
		t.Fatal(err)
	}
	checker, err := schema.New()
	if err != nil {
		t.Fatal(err)
	}
	c := &crowd{T: t, Generator: g, Stage: s, checker: checker}
	for _, name := range Namespaces[:4] {
		if err := s.Admin.Create(t.Context(), g.Namespace(name)); client.IgnoreAlreadyExists(err) != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { c.sweep() })
	panics := gauge(t, "controller_runtime_reconcile_panics_total")
	operator := live(t, s)
	for i := range howMany(t) {
		c.edit()
		if i%200 == 199 {
			operator.rest() // a status for most, so that later edits meet what was accepted
		}
	}
	operator.rest()
	t.Logf("accepted %d, refused %d; %d passes, %d writes", c.accepted, c.refused,
		int(gauge(t, "controller_runtime_reconcile_total")), len(operator.written()))
	if share := 100 * c.accepted / (c.accepted + c.refused); share < 20 {
		t.Errorf("the API server took %d %% of the objects: the generator is too wild to find anything", share)
	}
	if n := gauge(t, "controller_runtime_reconcile_panics_total") - panics; n > 0 {
		t.Errorf("%v passes ended in a panic: %q", n, operator.complaints("panic"))
	}
	for _, text := range operator.complaints("refused", "panic", "invalid") {
		t.Errorf("complained %s", text)
	}
	c.everyStatusIsSound()
	operator.stop()
	again := live(t, s)
	again.rest()
	if writes := again.written(); len(writes) > 0 {
		t.Errorf("a restart wrote %d times: %q", len(writes), writes[:min(10, len(writes))])
	}
	again.stop()
}

// edit does one thing that people do.
func (c *crowd) edit() {
	c.Helper()
	switch r := c.IntN(100); {
	case r < 62:
		c.put(c.Object(c.pick(c.Kinds()...)))
	case r < 70:
		c.remove()
	case r < 72:
		o := c.Generator.Namespace(c.pick(Namespaces...))
		c.other(o)
	default:
		c.other(c.Other())
	}
}

// put creates an object, or makes an existing one be like it, and compares what
// the API server says with what our checker says.
func (c *crowd) put(o *unstructured.Unstructured) {
	c.Helper()
	ctx := c.Context()
	have := &unstructured.Unstructured{}
	have.SetGroupVersionKind(o.GroupVersionKind())
	err := c.Admin.Get(ctx, client.ObjectKeyFromObject(o), have)
	fresh := apierrors.IsNotFound(err)
	switch {
	case fresh:
		err = c.Admin.Create(ctx, o.DeepCopy())
	case err == nil:
		have.Object["spec"] = o.Object["spec"]
		have.SetLabels(o.GetLabels())
		err = c.Admin.Update(ctx, have)
		if apierrors.IsConflict(err) {
			return
		}
	}
	if err == nil {
		c.accepted++
	} else {
		c.refused++
		if !apierrors.IsInvalid(err) && !apierrors.IsNotFound(err) && !apierrors.IsForbidden(err) {
			c.Errorf("%s %s: %v", o.GetKind(), o.GetName(), err)
		}
	}
	if fresh && (err == nil || apierrors.IsInvalid(err)) {
		c.agree(o, err)
	}
}

// agree compares our checker with the API server, which it stands for.
func (c *crowd) agree(o *unstructured.Unstructured, err error) {
	c.Helper()
	raw, marshalErr := o.MarshalJSON()
	if marshalErr != nil {
		c.Fatal(marshalErr)
	}
	found := c.checker.Check(c.Context(), o.GetKind(), o.GetNamespace(), raw)
	if (len(found) > 0) != (err != nil) {
		c.Errorf("%s %s: the checker says %v, the API server %v\n%s", o.GetKind(), o.GetName(), found, err, raw)
	}
}

// remove deletes an object of ours.
func (c *crowd) remove() {
	c.Helper()
	all := c.ours()
	if len(all) == 0 {
		return
	}
	if err := c.Admin.Delete(c.Context(), &all[c.IntN(len(all))]); client.IgnoreNotFound(err) != nil {
		c.Error(err)
	}
}

// other creates what another team has, or deletes it where it is there.
func (c *crowd) other(o client.Object) {
	c.Helper()
	err := c.Admin.Create(c.Context(), o)
	if apierrors.IsAlreadyExists(err) && c.chance(60) {
		err = c.Admin.Delete(c.Context(), o, client.GracePeriodSeconds(0))
	}
	for _, expected := range []func(error) bool{apierrors.IsInvalid, apierrors.IsAlreadyExists, apierrors.IsNotFound, apierrors.IsForbidden, apierrors.IsBadRequest, apierrors.IsConflict} {
		if expected(err) {
			return
		}
	}
	if err != nil {
		c.Errorf("%T %s: %v", o, o.GetName(), err)
	}
}

// ours returns all objects of our kinds.
func (c *crowd) ours() []unstructured.Unstructured {
	c.Helper()
	var out []unstructured.Unstructured
	for _, kind := range c.Kinds() {
		list := &unstructured.UnstructuredList{}
		list.SetGroupVersionKind(c.kinds[kind].version.GroupVersion().WithKind(kind + "List"))
		if err := c.Admin.List(context.Background(), list); err != nil {
			c.Fatal(err)
		}
		out = append(out, list.Items...)
	}
	return out
}

// sweep removes what the crowd left, when no operator runs.
func (c *crowd) sweep() {
	ctx := context.Background()
	for _, o := range c.ours() {
		o.SetFinalizers(nil)
		_ = c.Admin.Update(ctx, &o)
		_ = c.Admin.Delete(ctx, &o)
	}
	for _, version := range []string{"v1/Pod", "v1/Service", "networking.k8s.io/v1/NetworkPolicy", "cilium.io/v2/CiliumNetworkPolicy", "cilium.io/v2/CiliumClusterwideNetworkPolicy", "cilium.io/v2/CiliumCIDRGroup", "cilium.io/v2/CiliumIdentity"} {
		list := &unstructured.UnstructuredList{}
		i := strings.LastIndexByte(version, '/')
		list.SetAPIVersion(version[:i])
		list.SetKind(version[i+1:] + "List")
		if err := c.Admin.List(ctx, list); err != nil && !meta.IsNoMatchError(err) {
			c.Error(fmt.Errorf("listing what is left: %w", err))
		}
		for _, o := range list.Items {
			_ = c.Admin.Delete(ctx, &o, client.GracePeriodSeconds(0))
		}
	}
}
