package scenarios

import (
	"fmt"
	"slices"
	"strings"

	"github.com/medfence/medfence/internal/plan"
)

// problemText lists problems as a user reads them.
func problemText(problems []plan.Problem) string {
	var b strings.Builder
	for _, p := range problems {
		fmt.Fprintf(&b, "%-6s %s %s\n", p.Severity(), p.Object(), p.Reason)
		if p.Path != "" {
			fmt.Fprintf(&b, "       %s\n", p.Path)
		}
		fmt.Fprintf(&b, "       %s\n", p.Message)
	}
	return b.String()
}

// planText says what a plan closes and permits.
func planText(p *plan.Plan) string {
	var b strings.Builder
	for _, z := range p.Zones {
		zoneText(&b, z)
	}
	for _, d := range p.Devices {
		fmt.Fprintf(&b, "device %s/%s: %s", d.Namespace, d.Name, d.Standing)
		if d.Zone != "" {
			fmt.Fprintf(&b, ", zone %s, %d pods, addresses %v, conduits %v", d.Zone, d.Pods, d.Prefixes, d.Conduits)
		}
		b.WriteString("\n")
	}
	for _, g := range p.Groups {
		fmt.Fprintf(&b, "group %s: %v %v\n", g.Name, g.Ends, g.Prefixes)
	}
	for _, c := range p.Conduits {
		conduitText(&b, c)
	}
	return b.String()
}

func zoneText(b *strings.Builder, z plan.Zone) {
	fmt.Fprintf(b, "zone %s: %s, %s", z.Name, z.Standing, z.Role)
	if z.Enforce {
		b.WriteString(", enforced")
	}
	if z.Released {
		b.WriteString(", released")
	}
	for _, n := range z.Namespaces {
		fmt.Fprintf(b, ", namespace %s", n.Name)
		if n.Held {
			b.WriteString(" (held)")
		}
	}
	if len(z.Prefixes) > 0 {
		fmt.Fprintf(b, ", %v", z.Prefixes)
	}
	fmt.Fprintf(b, ", %d devices, %d pods, %d unregistered, %d conduits\n", z.Devices, z.Pods, z.Unregistered, z.Conduits)
}

func conduitText(b *strings.Builder, c plan.Conduit) {
	fmt.Fprintf(b, "conduit %s: %s, %s", c.Name, c.Standing, c.State)
	if c.Point != "" {
		fmt.Fprintf(b, ", enforced by %s", c.Point)
	}
	b.WriteString("\n")
	if !c.Permits() {
		return
	}
	services := make([]string, 0, len(c.Services))
	for _, s := range c.Services {
		services = append(services, string(s.Protocol)+" "+s.String())
	}
	for _, pair := range c.Pairs() {
		if !pair.From.Empty() && !pair.To.Empty() {
			fmt.Fprintf(b, "  %s -> %s: %s\n", endText(pair.From), endText(pair.To), strings.Join(services, ", "))
		}
	}
}

func endText(e plan.End) string {
	var parts []string
	for _, w := range e.Workloads {
		selector := w.Selector
		if selector == "" {
			selector = "every pod"
		}
		parts = append(parts, w.Namespace+"/{"+selector+"}")
	}
	parts = slices.Concat(parts, e.Groups, e.FQDNs)
	for _, n := range e.Entities {
		parts = append(parts, string(n))
	}
	return e.Zone + " [" + strings.Join(parts, " ") + "]"
}
