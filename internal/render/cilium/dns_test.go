package cilium_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/cilium/cilium/pkg/fqdn/matchpattern"
	ciliumv2 "github.com/cilium/cilium/pkg/k8s/apis/cilium.io/v2"
	"github.com/cilium/cilium/pkg/policy/api"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/render/plantest"
	"github.com/medfence/medfence/internal/snapshot"
)

// proxied returns the names that Cilium's DNS proxy lets pass, put together as
// it does (pkg/fqdn/dnsproxy, GeneratePattern).
func proxied(t *testing.T, rules api.PortRulesDNS) *regexp.Regexp {
	t.Helper()
	var parts []string
	for _, r := range rules {
		if err := r.Sanitize(); err != nil {
			t.Fatal(err)
		}
		name := r.MatchPattern
		if r.MatchName != "" {
			name = strings.ToLower(r.MatchName)
		}
		parts = append(parts, matchpattern.ToUnAnchoredRegexp(matchpattern.Sanitize(name)))
	}
	return regexp.MustCompile("^(?:" + strings.Join(parts, "|") + ")$")
}

// dnsOf returns the names that the gateway of the hospital may resolve.
func dnsOf(t *testing.T, mode medfencev1alpha1.DNSMode) *regexp.Regexp {
	t.Helper()
	p := plantest.Hospital(snapshot.Cilium)
	for i := range p.Workloads {
		p.Workloads[i].DNS = mode
	}
	for _, o := range zoneOf(p, "infusion") {
		cnp, ok := o.KubeObject.(*ciliumv2.CiliumNetworkPolicy)
		if !ok || cnp.Namespace != "icu" {
			continue
		}
		for _, r := range cnp.Spec.Egress {
			if r.ToPorts != nil && r.ToPorts[0].Rules != nil && r.ToPorts[0].Rules.DNS != nil {
				return proxied(t, r.ToPorts[0].Rules.DNS)
			}
		}
	}
	t.Fatal("no dns rule")
	return nil
}

func TestUnderNamesTheNamesOfConduitsAndOfTheClusterResolve(t *testing.T) {
	names := dnsOf(t, medfencev1alpha1.DNSNames)
	for name, want := range map[string]bool{
		"updates.vendor.example.":                        true,
		"eu.cdn.vendor.example.":                         true,
		"archive.pacs.svc.cluster.local.":                true,
		"archive-0.archive.pacs.svc.cluster.local.":      true,
		"_dicom._tcp.archive.pacs.svc.cluster.local.":    true,
		"updates.vendor.example.icu.svc.cluster.local.":  true, // the search path comes first
		"updates.vendor.example.svc.cluster.local.":      true,
		"updates.vendor.example.cluster.local.":          true,
		"vendor.example.":                                false,
		"a.b.cdn.vendor.example.":                        false, // a pattern's * is one label
		"evil.example.":                                  false,
		"updates.vendor.example.evil.example.":           false,
		"cluster.local.evil.example.":                    false,
		"evil-cluster.local.":                            false,
		"updates.vendor.example.icu.svc.cluster.locals.": false,
	} {
		if got := names.MatchString(name); got != want {
			t.Errorf("%s: %t, want %t", name, got, want)
		}
	}
}

func TestUnderClusterEveryNameResolves(t *testing.T) {
	names := dnsOf(t, medfencev1alpha1.DNSCluster)
	for _, name := range []string{"updates.vendor.example.", "evil.example.", "a.b.c.d.e.", "4.3.2.1.in-addr.arpa.", "."} {
		if !names.MatchString(name) {
			t.Errorf("%s does not", name)
		}
	}
}
