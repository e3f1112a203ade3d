package hostile

import "slices"

// hints make values that mean something at a path: drawn from the schema alone,
// hardly any prefix would be one. nil leaves it to the schema.
var hints = map[string]func(*Generator) any{
	"spec.zone":                                       func(g *Generator) any { return g.zone() },
	"spec.addresses[]":                                func(g *Generator) any { return g.address() },
	"spec.workload.podSelector":                       (*Generator).selector,
	"spec.from.zones[]":                               func(g *Generator) any { return g.zone() },
	"spec.to.zones[]":                                 func(g *Generator) any { return g.zone() },
	"spec.from.deviceSelector":                        (*Generator).selector,
	"spec.to.deviceSelector":                          (*Generator).selector,
	"spec.services[]":                                 (*Generator).service,
	"spec.http[]":                                     (*Generator).request,
	"spec.members.cidrs[]":                            func(g *Generator) any { return g.prefix() },
	"spec.members.fqdns[]":                            func(g *Generator) any { return g.pick(hosts...) },
	"spec.members.namespaces[]":                       func(g *Generator) any { return g.space() },
	"spec.members.inventoryNamespaces[]":              func(g *Generator) any { return g.space() },
	"spec.members.namespaceSelector":                  (*Generator).selector,
	"spec.members.podSelector":                        (*Generator).selector,
	"spec.identity.macAddresses[]":                    func(g *Generator) any { return g.pick("00:1a:2b:3c:4d:5e", "00-1A-2B-3C-4D-5F", "00:1a:2b:3c:4d:60") },
	"spec.members.namespaceSelector.matchLabels{}":    (*Generator).labelValue,
	"spec.members.podSelector.matchLabels{}":          (*Generator).labelValue,
	"spec.workload.podSelector.matchLabels{}":         (*Generator).labelValue,
	"spec.from.deviceSelector.matchLabels{}":          (*Generator).labelValue,
	"spec.to.deviceSelector.matchLabels{}":            (*Generator).labelValue,
	"spec.from.deviceSelector.matchExpressions[].key": func(g *Generator) any { return g.pick(labelKeys...) },
}

var hosts = []string{
	"updates.vendor.example", "*.vendor.example", "a.b", "xn--bcher-kva.example", "*.*", "**.example", "10.0.0.1", "UPPER.example", "dot.example.",
	"service_1.vendor.example",
}

func (g *Generator) labelValue() any { return g.pick(labelValues...) }

func (g *Generator) space() string {
	if g.chance(4) {
		return g.pick("kube-system", "default", "medfence-system", "no-such-namespace", "Bad_Name", "-")
	}
	return g.pick(Namespaces...)
}

// service returns a service of the catalogue, or an inline one.
func (g *Generator) service() any {
	if g.chance(50) {
		out := map[string]any{"name": g.pick("dicom", "dicom-tls", "hl7-mllp", "https", "http", "ssh", "telnet", "ntp", "dns", "ping", "smb", "dicon", "rpc")}
		if g.chance(20) {
			out["port"] = 1 + g.Int64N(65535)
		}
		return out
	}
	protocol := g.pick("TCP", "TCP", "UDP", "SCTP", "ICMP")
	out := map[string]any{"protocol": protocol}
	if protocol == "ICMP" {
		out["icmpType"] = g.Int64N(256)
		return out
	}
	port := 1 + g.Int64N(65535)
	out["port"] = port
	if g.chance(30) {
		out["endPort"] = port + g.Int64N(65536-port)
	}
	if g.chance(50) {
		out["encrypted"] = g.pick("Yes", "No")
	}
	return out
}

func (g *Generator) request() any {
	out := map[string]any{"path": g.pick("/", "/fhir/.*", "(", "[a-", "/a{1000}{1000}", "(a+)+$", g.text(1, 512))}
	if g.chance(70) {
		out["method"] = g.pick("GET", "POST", "TRACE", "get")
	}
	return out
}

// wanted is how many of a hundred objects have an optional field.
func wanted(path string) int {
	switch path {
	case "spec.members":
		return 90
	case "spec.enforcement", "spec.members.namespaces", "spec.members.cidrs", "spec.riskAcceptance", "spec.workload":
		return 65
	case "spec.http", "spec.startsAt", "spec.expiresAt", "spec.members.podSelector", "spec.members.namespaceSelector":
		return 15
	}
	return 30
}

// reconcile takes out of a spec what the rules of its kind never permit
// together. The rest of the rules find what they refuse.
func (g *Generator) reconcile(kind string, spec map[string]any) {
	switch kind {
	case "DeviceZone":
		g.reconcileZone(spec)
	case "Conduit":
		services, _ := spec["services"].([]any)
		for _, s := range services {
			if service, _ := s.(map[string]any); service["protocol"] != nil && service["protocol"] != "TCP" {
				delete(spec, "http")
			}
		}
	}
}

func (g *Generator) reconcileZone(spec map[string]any) {
	members, _ := spec["members"].(map[string]any)
	drop := []string{"inventoryNamespaces", "entities"}
	switch spec["role"] {
	case "Device":
		drop = []string{"namespaceSelector", "podSelector", "fqdns", "entities"}
		if spec["enforcement"] == nil {
			spec["enforcement"] = g.pick("Observe", "Enforce", "Enforce")
		}
	case "Infrastructure":
		drop = drop[:1]
		delete(spec, "enforcement")
	default:
		delete(spec, "enforcement")
	}
	for _, name := range drop {
		delete(members, name)
	}
	if members["namespaces"] == nil && members["namespaceSelector"] == nil {
		delete(members, "podSelector")
	}
	if listed, _ := members["namespaces"].([]any); listed != nil {
		inventory, _ := members["inventoryNamespaces"].([]any)
		inventory = slices.DeleteFunc(inventory, func(n any) bool { return slices.Contains(listed, n) })
		if members["inventoryNamespaces"] = inventory; len(inventory) == 0 {
			delete(members, "inventoryNamespaces")
		}
	}
}
