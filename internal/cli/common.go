package cli

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/cli-runtime/pkg/genericclioptions"

	"github.com/medfence/medfence/internal/catalog"
	"github.com/medfence/medfence/internal/report"
)

// targetAuto lets the cluster decide: cilium where its CRDs are served.
const targetAuto = "auto"

// common are the flags of every command, and what they were read into.
type common struct {
	streams Streams
	kube    *genericclioptions.ConfigFlags

	quiet bool
	color string

	files         []string
	target        string
	envoy         bool
	cataloguePath string
	catalogue     *catalog.Catalogue
	protected     []string
	clusterCIDRs  []netip.Prefix
	dnsService    types.NamespacedName
	dnsSelector   string
	clusterDomain string
	ciliumConfig  types.NamespacedName
	clusterName   string
}

func newCommon(streams Streams) *common {
	return &common{
		streams:       streams,
		kube:          genericclioptions.NewConfigFlags(true),
		color:         "auto",
		target:        targetAuto,
		dnsService:    types.NamespacedName{Namespace: "kube-system", Name: "kube-dns"},
		dnsSelector:   "k8s-app=kube-dns",
		clusterDomain: "cluster.local",
		clusterName:   "default",
		ciliumConfig:  types.NamespacedName{Namespace: "kube-system", Name: "cilium-config"},
	}
}

// addOutput adds the flags that say how to print.
func (c *common) addOutput(flags *pflag.FlagSet) {
	flags.BoolVarP(&c.quiet, "quiet", "q", c.quiet, "print the answer alone, without remarks on stderr")
	flags.StringVar(&c.color, "color", c.color, "colours: auto (on a terminal, unless NO_COLOR is set), always or never")
}

// addInput adds the flags that say what to read.
func (c *common) addInput(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringSliceVarP(&c.files, "filename", "f", nil, "manifests to read instead of a cluster: a file, a folder with all that is below it, or - for standard input; can be repeated")
	flags.StringVar(&c.target, "target", c.target, "the policies to think in: netpol, cilium, or auto (cilium where the cluster serves it, and for manifests)")
	flags.BoolVar(&c.envoy, "envoy", false, "Cilium runs with its Envoy proxy, so that http rules can be enforced")
	flags.StringVar(&c.cataloguePath, "service-catalogue", "", "`file` of named services that adds to the built-in catalogue, or overrides it")
	flags.StringSliceVar(&c.protected, "protected-namespace", nil, "a `namespace` that no zone may hold; can be repeated")
	flags.Var(&prefixes{&c.clusterCIDRs}, "cluster-cidr", "a pod, service or node `prefix` beside those that the cluster tells; can be repeated")
	flags.Var(&namespacedName{&c.dnsService}, "dns-service", "the Service of the cluster's DNS, as `namespace/name`")
	flags.StringVar(&c.dnsSelector, "dns-selector", c.dnsSelector, "labels of the cluster's DNS pods, where manifests are read")
	flags.StringVar(&c.clusterDomain, "cluster-domain", c.clusterDomain, "the cluster's own `domain`")
	flags.Var(&namespacedName{&c.ciliumConfig}, "cilium-config", "the ConfigMap of Cilium's settings, as `namespace/name`")
	flags.StringVar(&c.clusterName, "cilium-cluster-name", c.clusterName, "the `name` that Cilium was given for the cluster (its setting cluster-name), where manifests are read")
	c.kube.AddFlags(flags)
	for _, name := range []string{"as-uid", "as-user-extra", "cache-dir", "disable-compression", "tls-server-name", "insecure-skip-tls-verify", "certificate-authority", "client-certificate", "client-key", "token", "cluster", "user", "server", "request-timeout", "as", "as-group"} {
		if f := flags.Lookup(name); f != nil {
			f.Hidden = true
		}
	}
}

// complete checks the flags and reads what they name.
func (c *common) complete() error {
	if !slices.Contains([]string{"auto", "always", "never"}, c.color) {
		return fmt.Errorf("--color=%s: use auto, always or never", c.color)
	}
	if !slices.Contains([]string{targetAuto, "netpol", "cilium"}, c.target) {
		return fmt.Errorf("--target=%s: use auto, netpol or cilium", c.target)
	}
	c.catalogue = catalog.Embedded()
	if c.cataloguePath == "" {
		return nil
	}
	data, err := os.ReadFile(c.cataloguePath)
	if err != nil {
		return fmt.Errorf("reading the service catalogue: %w", err)
	}
	if c.catalogue, err = c.catalogue.With(data); err != nil {
		return fmt.Errorf("reading the service catalogue %s: %w", c.cataloguePath, err)
	}
	return nil
}

// style returns how to print the answer.
func (c *common) style() report.Style { return c.streams.style(c.streams.Out, c.color) }

// oneOf refuses an output format that a command does not have.
func oneOf(format string, formats ...string) error {
	if slices.Contains(formats, format) {
		return nil
	}
	return fmt.Errorf("-o %s: use %s", format, strings.Join(formats, ", "))
}

// prefixes is a flag of prefixes.
type prefixes struct{ list *[]netip.Prefix }

func (p *prefixes) String() string { return "" }
func (p *prefixes) Type() string   { return "prefix" }

func (p *prefixes) Set(text string) error {
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		return errors.New("write it as a prefix, such as 10.244.0.0/16")
	}
	*p.list = append(*p.list, prefix.Masked())
	return nil
}

// namespacedName is a flag of the form namespace/name.
type namespacedName struct{ name *types.NamespacedName }

func (n *namespacedName) String() string { return n.name.String() }
func (n *namespacedName) Type() string   { return "namespace/name" }

func (n *namespacedName) Set(text string) error {
	namespace, name, ok := strings.Cut(text, "/")
	if !ok || namespace == "" || name == "" || strings.Contains(name, "/") {
		return errors.New("write it as namespace/name")
	}
	*n.name = types.NamespacedName{Namespace: namespace, Name: name}
	return nil
}
