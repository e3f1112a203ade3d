package plantest

import (
	"fmt"
	"net/netip"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/flow"
	"github.com/medfence/medfence/internal/plan"
	"github.com/medfence/medfence/internal/snapshot"
)

var (
	zoneNames = []string{"infusion", "imaging", "pacs", "platform", "vendor", "corporate"}
	peerRoles = []medfencev1alpha1.ZoneRole{
		medfencev1alpha1.RoleClinical, medfencev1alpha1.RoleInfrastructure,
		medfencev1alpha1.RoleCorporate, medfencev1alpha1.RoleExternal,
	}
	dnsModes = []medfencev1alpha1.DNSMode{
		medfencev1alpha1.DNSCluster, medfencev1alpha1.DNSNone, medfencev1alpha1.DNSNames, "",
	}
	names    = []string{"updates.vendor.example", "*.vendor.example", "**.cdn.example", "*", "not a name!"}
	entities = []medfencev1alpha1.Entity{
		medfencev1alpha1.EntityKubeAPIServer, medfencev1alpha1.EntityNodes, "Strangers",
	}
)

// Random returns a plan that the dice make. Groups are disjoint and workloads
// of a namespace select different pods, as the compiler sees to; all else that
// a renderer must survive is in it: empty ends, unknown members, services that
// no target can express.
func Random(d *Dice, target snapshot.TargetKind) *plan.Plan {
	p := &plan.Plan{Target: target, DNS: randomDNS(d)}
	for i, name := range zoneNames[:2+d.Roll(5)] {
		z := randomZone(d, name)
		p.Zones = append(p.Zones, z)
		p.Workloads = append(p.Workloads, randomWorkloads(d, z)...)
		p.Groups = append(p.Groups, randomGroups(d, i, name)...)
	}
	for i := range d.Roll(7) {
		p.Conduits = append(p.Conduits, randomConduit(d, p, i))
	}
	for i := range p.Groups {
		p.Groups[i].Ends = endsOf(p, p.Groups[i].Name)
	}
	return p
}

func randomDNS(d *Dice) snapshot.DNS {
	dns := snapshot.DNS{Namespace: "kube-system", Selector: map[string]string{"k8s-app": "kube-dns"}, Domain: "cluster.local"}
	dns.Ports = some(d, []snapshot.DNSPort{
		{Protocol: flow.UDP, Port: 53}, {Protocol: flow.TCP, Port: 53}, {Protocol: flow.UDP}, {Protocol: flow.ICMP, Port: 5353},
	})
	dns.NodeLocal = some(d, []netip.Addr{netip.MustParseAddr("169.254.20.10"), {}})
	if d.One(8) {
		dns.Selector = nil
	}
	return dns
}

func randomZone(d *Dice, name string) plan.Zone {
	z := plan.Zone{Name: name, UID: "uid-" + name, Standing: plan.Current, Role: medfencev1alpha1.RoleDevice}
	if d.One(2) {
		z.Role = peerRoles[d.Roll(len(peerRoles))]
	}
	z.Enforce = z.Role == medfencev1alpha1.RoleDevice && d.Roll(3) > 0
	z.Released = d.One(12)
	z.DNS = dnsModes[d.Roll(len(dnsModes))]
	for i := range d.Roll(4) {
		z.Namespaces = append(z.Namespaces, plan.Namespace{
			Name: fmt.Sprintf("%s-%d", name, i), Exists: !d.One(6), Terminating: d.One(8), Held: d.One(8),
		})
	}
	return z
}

func randomWorkloads(d *Dice, z plan.Zone) []plan.Workload {
	var out []plan.Workload
	peer := z.Role != medfencev1alpha1.RoleDevice
	whole := d.One(2)
	for _, n := range z.Namespaces {
		count := d.Roll(4)
		if peer {
			count = 1
		}
		for i := range count {
			w := plan.Workload{Name: fmt.Sprintf("w%d-%s", i, z.Name), Device: !peer, DNS: z.DNS}
			if peer {
				w.DNS = medfencev1alpha1.DNSNone
			}
			if d.One(6) {
				w.Name = fmt.Sprintf("baseline-%s-%d", z.Name, i)
			}
			w.WorkloadKey = plan.WorkloadKey{Zone: z.Name, Namespace: n.Name}
			if !peer || !whole {
				w.WorkloadKey.Selector, w.Selector = randomSelector(d, i)
			}
			out = append(out, w)
		}
	}
	return out
}

// randomSelector returns a selector that matches the pods app=w<i>, in one of
// two forms, and its canonical text.
func randomSelector(d *Dice, i int) (string, metav1.LabelSelector) {
	value := fmt.Sprintf("w%d", i)
	if d.One(3) {
		return "app In v" + value + "," + value, metav1.LabelSelector{
			MatchExpressions: []metav1.LabelSelectorRequirement{
				{Key: "app", Operator: metav1.LabelSelectorOpIn, Values: []string{"v" + value, value}},
			},
		}
	}
	return "app=" + value, metav1.LabelSelector{MatchLabels: map[string]string{"app": value}}
}

// randomGroups returns up to three groups with up to four prefixes of each
// family, which may be neighbours.
func randomGroups(d *Dice, zone int, name string) []plan.Group {
	var out []plan.Group
	for i := range d.Roll(4) {
		g := plan.Group{Zone: name, Name: fmt.Sprintf("medfence-%s-%d", name, i)}
		for k := range d.Roll(5) {
			a4 := netip.AddrFrom4([4]byte{10, byte(zone), byte(i), byte(k * 64)})
			a6 := netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, byte(zone), byte(i), byte(k)})
			g.Prefixes = append(g.Prefixes, netip.PrefixFrom(a4, 26), netip.PrefixFrom(a6, 56))
		}
		out = append(out, g)
	}
	return out
}

func randomConduit(d *Dice, p *plan.Plan, i int) plan.Conduit {
	c := plan.Conduit{
		Name: fmt.Sprintf("conduit-%d", i), Standing: plan.Current, State: plan.Active,
		From: randomSide(d, p), To: randomSide(d, p),
	}
	c.Spec.Purpose = "Random traffic\nof a random plan"
	switch d.Roll(12) {
	case 10:
		c.State = plan.Expired
	case 11:
		c.Standing = plan.Absent
	}
	for range d.Roll(5) {
		c.Services = append(c.Services, randomService(d))
	}
	return c
}

func randomSide(d *Dice, p *plan.Plan) []plan.End {
	var out []plan.End
	for _, z := range p.Zones {
		if d.One(2) {
			out = append(out, randomEnd(d, p, z))
		}
	}
	return out
}

func randomEnd(d *Dice, p *plan.Plan, z plan.Zone) plan.End {
	end := plan.End{Zone: z.Name}
	var keys []plan.WorkloadKey
	for _, w := range p.Workloads {
		if w.Zone == z.Name {
			keys = append(keys, w.WorkloadKey)
		}
	}
	var groups []string
	for _, g := range p.Groups {
		if g.Zone == z.Name {
			groups = append(groups, g.Name)
		}
	}
	end.Workloads, end.Groups = some(d, keys), some(d, groups)
	switch z.Role {
	case medfencev1alpha1.RoleExternal:
		end.FQDNs = some(d, names)
	case medfencev1alpha1.RoleInfrastructure:
		end.Entities = some(d, entities)
	}
	if d.One(10) {
		end.Workloads = append(end.Workloads, plan.WorkloadKey{Zone: z.Name, Namespace: "nowhere"})
		end.Groups = append(end.Groups, "medfence-nobody")
	}
	return end
}

func randomService(d *Dice) flow.Service {
	protocols := []flow.Protocol{flow.TCP, flow.TCP, flow.TCP, flow.UDP, flow.SCTP, flow.ICMP}
	s := flow.Service{Protocol: protocols[d.Roll(len(protocols))]}
	if s.Protocol == flow.ICMP {
		s.ICMPTypes = some(d, []uint8{0, 3, 8, 128, 255})
		return s
	}
	var ranges []flow.PortRange
	for range d.Roll(4) {
		port := uint16(d.Roll(64))
		ranges = append(ranges, flow.PortRange{Port: port, End: port + uint16(d.Roll(8))})
	}
	if d.One(8) { // more than Cilium takes in one rule
		for port := uint16(1000); port < 1120; port += 2 {
			ranges = append(ranges, flow.PortRange{Port: port, End: port})
		}
	}
	s.Ports = flow.NewPortSet(ranges...)
	if d.One(4) {
		s.HTTP = append([]flow.HTTPRule{{Method: "GET", Path: "/fhir/.*"}}, some(d, []flow.HTTPRule{{Path: "(["}, {Method: "POST"}})...)
	}
	return s
}

// endsOf returns the ends that name a group, as the compiler writes them.
func endsOf(p *plan.Plan, group string) []string {
	var out []string
	for _, c := range p.Conduits {
		if holds(c.From, group) {
			out = append(out, "from "+c.Name)
		}
		if holds(c.To, group) {
			out = append(out, "to "+c.Name)
		}
	}
	return out
}
