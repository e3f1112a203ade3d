package plantest

import (
	"net/netip"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/flow"
	"github.com/medfence/medfence/internal/plan"
	"github.com/medfence/medfence/internal/snapshot"
)

// The keys of the hospital's workloads.
var (
	Gateway  = plan.WorkloadKey{Zone: "infusion", Namespace: "icu", Selector: "app=pump-gateway"}
	GatewayB = plan.WorkloadKey{Zone: "infusion", Namespace: "ward-b", Selector: "app=pump-gateway"}
	Archiver = plan.WorkloadKey{Zone: "imaging", Namespace: "radiology", Selector: "app=modality-gateway"}
	PACS     = plan.WorkloadKey{Zone: "pacs", Namespace: "pacs", Selector: ""}
)

// Hospital returns a small hospital for a target: an enforced zone of infusion
// pumps with gateways in two wards, a third of which is yet to be built; an
// imaging zone in Observe, half pods and half machines; a PACS with pods and
// addresses; the platform's API server and nodes; a vendor's cloud. It has only
// what the target can enforce.
func Hospital(target snapshot.TargetKind) *plan.Plan {
	p := &plan.Plan{
		Target: target,
		DNS: snapshot.DNS{
			Namespace: "kube-system",
			Selector:  map[string]string{"k8s-app": "kube-dns"},
			Ports:     []snapshot.DNSPort{{Protocol: flow.UDP, Port: 53}, {Protocol: flow.TCP, Port: 53}},
			Domain:    "cluster.local",
		},
		Zones: []plan.Zone{
			zone("imaging", medfencev1alpha1.RoleDevice, "radiology"),
			zone("infusion", medfencev1alpha1.RoleDevice, "icu", "ward-b"),
			zone("pacs", medfencev1alpha1.RoleClinical, "pacs"),
			zone("platform", medfencev1alpha1.RoleInfrastructure),
			zone("vendor", medfencev1alpha1.RoleExternal),
		},
		Workloads: []plan.Workload{
			workload(Archiver, "modality-gateway-5c0a1be2f3", medfencev1alpha1.DNSCluster),
			workload(Gateway, "pump-gateway-1a2b3c4d5e", medfencev1alpha1.DNSCluster),
			workload(GatewayB, "pump-gateway-6f70819203", medfencev1alpha1.DNSCluster),
			{WorkloadKey: PACS, Name: "pods-99aabbccdd", DNS: medfencev1alpha1.DNSNone},
		},
		Groups: []plan.Group{
			{
				Zone: "imaging", Name: "medfence-imaging-0d1e2f3a4b", Ends: []string{"from imaging-pacs"},
				Prefixes: prefixes("10.40.7.0/25", "10.40.7.128/25", "2001:db8:40::/64"),
			},
			{
				Zone: "pacs", Name: "medfence-pacs-4c5d6e7f80", Ends: []string{"to imaging-pacs"},
				Prefixes: prefixes("10.50.0.10/32", "10.50.0.11/32"),
			},
			{Zone: "pacs", Name: "medfence-pacs-rest", Prefixes: prefixes("10.50.1.0/24")},
		},
		Conduits: conduits(target),
	}
	p.Zones[1].Enforce = true
	p.Zones[1].Namespaces = append(p.Zones[1].Namespaces, plan.Namespace{Name: "ward-c"})
	return p
}

func conduits(target snapshot.TargetKind) []plan.Conduit {
	out := []plan.Conduit{
		conduit("imaging-pacs", "Studies to the archive",
			[]plan.End{{Zone: "imaging", Workloads: []plan.WorkloadKey{Archiver}, Groups: []string{"medfence-imaging-0d1e2f3a4b"}}},
			[]plan.End{{Zone: "pacs", Workloads: []plan.WorkloadKey{PACS}, Groups: []string{"medfence-pacs-4c5d6e7f80"}}},
			service("dicom", 104, 11112)),
		conduit("pumps-archive", "Infusion records to the archive",
			[]plan.End{{Zone: "infusion", Workloads: []plan.WorkloadKey{Gateway, GatewayB}}},
			[]plan.End{{Zone: "pacs", Workloads: []plan.WorkloadKey{PACS}, Groups: []string{"medfence-pacs-4c5d6e7f80"}}},
			service("hl7-mllp-tls", 2576)),
		conduit("pumps-peer", "Gateways take over for each other",
			[]plan.End{{Zone: "infusion", Workloads: []plan.WorkloadKey{Gateway, GatewayB}}},
			[]plan.End{{Zone: "infusion", Workloads: []plan.WorkloadKey{Gateway, GatewayB}}},
			flow.Service{Protocol: flow.UDP, Ports: flow.NewPortSet(flow.PortRange{Port: 7946, End: 7950})}),
	}
	if target != snapshot.Cilium {
		return out
	}
	fhir := service("fhir", 443)
	fhir.HTTP = []flow.HTTPRule{{Method: "GET", Path: "/fhir/Observation(/.*)?"}}
	return append(out,
		conduit("pumps-fhir", "Reads patient observations",
			[]plan.End{{Zone: "infusion", Workloads: []plan.WorkloadKey{Gateway}}},
			[]plan.End{{Zone: "pacs", Workloads: []plan.WorkloadKey{PACS}}}, fhir),
		conduit("pumps-platform", "The gateway reads its leases",
			[]plan.End{{Zone: "infusion", Workloads: []plan.WorkloadKey{Gateway}}},
			[]plan.End{{Zone: "platform", Entities: []medfencev1alpha1.Entity{medfencev1alpha1.EntityKubeAPIServer}}},
			service("https", 6443)),
		conduit("pumps-updates", "Drug library updates of the vendor",
			[]plan.End{{Zone: "infusion", Workloads: []plan.WorkloadKey{Gateway}}},
			[]plan.End{{Zone: "vendor", FQDNs: []string{"*.cdn.vendor.example", "updates.vendor.example"}}},
			service("https", 443)),
		conduit("watch-pumps", "The platform's monitor pings the gateways",
			[]plan.End{{Zone: "platform", Entities: []medfencev1alpha1.Entity{medfencev1alpha1.EntityNodes}}},
			[]plan.End{{Zone: "infusion", Workloads: []plan.WorkloadKey{Gateway}}},
			flow.Service{Protocol: flow.ICMP, ICMPTypes: []uint8{8, 128}}),
	)
}

func zone(name string, role medfencev1alpha1.ZoneRole, namespaces ...string) plan.Zone {
	z := plan.Zone{Name: name, UID: "uid-of-" + name, Standing: plan.Current, Role: role}
	for _, n := range namespaces {
		z.Namespaces = append(z.Namespaces, plan.Namespace{Name: n, Exists: true})
	}
	return z
}

func workload(key plan.WorkloadKey, name string, dns medfencev1alpha1.DNSMode) plan.Workload {
	return plan.Workload{
		WorkloadKey: key, Name: name, Device: true, DNS: dns,
		Selector: metav1.LabelSelector{MatchLabels: map[string]string{"app": key.Selector[len("app="):]}},
	}
}

func conduit(name, purpose string, from, to []plan.End, services ...flow.Service) plan.Conduit {
	c := plan.Conduit{Name: name, Standing: plan.Current, State: plan.Active, From: from, To: to, Services: services}
	c.Spec.Purpose = purpose
	return c
}

func service(name string, ports ...uint16) flow.Service {
	s := flow.Service{Name: name, Protocol: flow.TCP}
	for _, port := range ports {
		s.Ports = s.Ports.Union(flow.NewPortSet(flow.PortRange{Port: port, End: port}))
	}
	return s
}

func prefixes(texts ...string) []netip.Prefix {
	out := make([]netip.Prefix, 0, len(texts))
	for _, text := range texts {
		out = append(out, netip.MustParsePrefix(text))
	}
	return out
}
