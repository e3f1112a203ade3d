package cli

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/medfence/medfence/internal/analysis"
	"github.com/medfence/medfence/internal/flow"
	"github.com/medfence/medfence/internal/manifest"
	"github.com/medfence/medfence/internal/snapshot"
)

// An input is what a command was given to judge.
type input struct {
	snapshot *snapshot.Snapshot
	// objects know where everything was written; nil for a cluster.
	objects *manifest.Objects
	// faults are what could not be read.
	faults []manifest.Fault
	// policies are those that stand beside the plan: in a cluster ours among
	// them, in manifests only those of others.
	policies []*unstructured.Unstructured
	// recorded are the UIDs of those policies of a cluster that zones recorded.
	recorded map[types.UID]bool
	// name is how to call the input in a sentence.
	name string
}

// read reads the manifests of -f, or else the cluster.
func (c *common) read(ctx context.Context) (*input, error) {
	if len(c.files) > 0 {
		return c.readManifests(c.files)
	}
	var out *input
	err := c.step("reading the cluster", func() error {
		cluster, err := c.connect()
		if err != nil {
			return err
		}
		out, err = cluster.input(ctx, c)
		return cluster.advise(err)
	})
	if err == nil {
		c.warnOfVoids(out)
	}
	return out, err
}

// warnOfVoids says, before any answer, that nothing is enforced.
func (c *common) warnOfVoids(in *input) {
	for _, v := range in.snapshot.Cluster.Voids {
		fmt.Fprintln(c.streams.ErrOut, "warning: everything passes: "+v.Message)
	}
}

// beside are the policies to be judged beside the plan: a cluster's as they
// stand, or what manifests render to.
func (in *input) beside() analysis.Policies {
	return analysis.Policies{Standing: in.policies, Recorded: in.recorded, Rendered: in.objects != nil}
}

// readManifests reads files, folders and standard input.
func (c *common) readManifests(names []string) (*input, error) {
	files, faults, err := c.load(names)
	if err != nil {
		return nil, err
	}
	return c.interpret(names, faults, func(namespace string) (*manifest.Objects, []manifest.Fault) {
		return manifest.ReadInto(namespace, files)
	})
}

// load reads the bytes of files, folders and standard input.
func (c *common) load(names []string) (files []manifest.File, faults []manifest.Fault, err error) {
	err = c.step("reading manifests", func() (err error) {
		files, faults, err = readFiles(names, c.streams.In)
		return err
	})
	return files, faults, err
}

// interpret makes an input of what is read of files.
func (c *common) interpret(names []string, faults []manifest.Fault, read func(namespace string) (*manifest.Objects, []manifest.Fault)) (*input, error) {
	out := &input{name: strings.Join(names, ", ")}
	namespace := "default"
	if c.kube.Namespace != nil && *c.kube.Namespace != "" {
		namespace = *c.kube.Namespace
	}
	_ = c.step("reading manifests", func() error {
		out.objects, out.faults = read(namespace)
		out.faults = slices.Concat(faults, out.faults)
		return nil
	})
	out.snapshot, out.policies = out.objects.Snapshot(c.setting()), out.objects.Policies
	c.remark(out)
	if len(out.faults) == 0 && len(out.objects.Zones)+len(out.objects.Devices)+len(out.objects.Conduits) == 0 {
		return nil, fmt.Errorf("%s: no DeviceZone, MedicalDevice or Conduit was found; name the manifests of Medfence", out.name)
	}
	return out, nil
}

// setting is what manifests do not tell about their cluster. The DNS pods are
// those of kubeadm, unless flags say otherwise.
func (c *common) setting() manifest.Setting {
	out := manifest.Setting{Now: c.streams.now(), Catalogue: c.catalogue}
	out.Target.Kind = snapshot.Cilium
	if c.target != targetAuto {
		out.Target.Kind = snapshot.TargetKind(c.target)
	}
	if out.Target.Kind == snapshot.Cilium {
		out.Target.ICMP, out.Target.DNSProxy, out.Target.HTTP = true, true, c.envoy
		out.Target.Cluster = c.clusterName
	}
	out.Cluster = snapshot.Cluster{
		Ranges:    flow.MergePrefixes(c.clusterCIDRs),
		Protected: c.protectedNamespaces(),
		DNS: snapshot.DNS{
			Namespace: c.dnsService.Namespace,
			Selector:  labelsOf(c.dnsSelector),
			Ports:     []snapshot.DNSPort{{Protocol: flow.TCP, Port: 53}, {Protocol: flow.UDP, Port: 53}},
			Domain:    c.clusterDomain,
		},
	}
	return out
}

// labelsOf reads "a=b,c=d".
func labelsOf(text string) map[string]string {
	out := map[string]string{}
	for part := range strings.SplitSeq(text, ",") {
		if key, value, ok := strings.Cut(part, "="); ok {
			out[strings.TrimSpace(key)] = strings.TrimSpace(value)
		}
	}
	return out
}

// remark says on stderr what was left out.
func (c *common) remark(in *input) {
	if skipped := in.objects.Skipped; len(skipped) > 0 {
		kinds := slices.SortedFunc(maps.Keys(skipped), func(a, b string) int {
			return cmp.Or(cmp.Compare(skipped[b], skipped[a]), cmp.Compare(a, b))
		})
		total, parts := 0, []string{}
		for _, k := range kinds {
			total += skipped[k]
			parts = append(parts, fmt.Sprintf("%s %d", k, skipped[k]))
		}
		c.note("skipped %s of other kinds: %s", count(total, "object"), strings.Join(parts, ", "))
	}
}

// complain prints what could not be read. Commands whose answer it is (lint) do
// not call it.
func (c *common) complain(in *input) {
	for _, f := range in.faults {
		fmt.Fprintln(c.streams.ErrOut, "error: "+f.Error())
	}
}

// partly is nil where everything was read.
func (in *input) partly() error {
	if len(in.faults) > 0 {
		return errPartly
	}
	return nil
}

// reach compiles the input.
func (c *common) reach(in *input) *analysis.Reach {
	var out *analysis.Reach
	_ = c.step("compiling", func() error { out = analysis.New(in.snapshot); return nil })
	return out
}

// judged compiles the input and lets its policies be judged beside the plan.
func (c *common) judged(in *input) (*analysis.Reach, error) {
	r := c.reach(in)
	return r, c.step("judging policies", func() error { return r.Judge(in.beside()) })
}

// count returns "1 object" or "3 objects".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
