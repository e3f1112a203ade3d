package scenarios

import (
	_ "embed"
	"fmt"
	"net/netip"
	"strconv"

	"sigs.k8s.io/yaml"

	"github.com/medfence/medfence/internal/flow"
)

//go:embed acceptance.yaml
var acceptance []byte

// An Endpoint is a party of an acceptance matrix: a pod, or an address.
type Endpoint struct {
	Namespace string
	Labels    map[string]string
	Address   netip.Addr
}

// Pod reports whether the endpoint is a pod.
func (e Endpoint) Pod() bool { return e.Namespace != "" }

// A Row is one line of a connectivity matrix from a vendor's or an authority's
// document, and the endpoints that stand for its parties in the scenario.
type Row struct {
	// Matrix is the id of the matrix, Scenario the folder that reproduces it.
	Matrix, Scenario string
	From, To         string
	Sources, Targets []Endpoint
	Flows            []flow.Flow
	Allow            bool
	// Undecidable says why no policy can decide the row; empty when one can.
	Undecidable string
}

// String names the row in a test.
func (r Row) String() string { return fmt.Sprintf("%s %s to %s %v", r.Matrix, r.From, r.To, r.Flows) }

// places maps each matrix to its scenario and to who its parties are there.
var places = map[string]struct {
	scenario string
	parties  map[string][]Endpoint
}{
	"AM-01-bd-alaris-pcu": {"50-am-01-bd-alaris-pcu", map[string][]Endpoint{
		"alaris-pcu":      {pod("alaris", "pcu")},
		"dns":             {at("10.50.0.1")},
		"dhcp":            {at("10.50.0.2")},
		"systems-manager": {pod("systems-manager", "sm")},
		"internet":        {at("198.51.100.7"), at("2001:db8:ffff::7")},
		"any":             {pod("systems-manager", "sm"), pod("elsewhere", "x"), pod("alaris", "debug"), at("10.50.0.1"), at("198.51.100.7")},
	}},
	"AM-03-ge-vscan-extend": {"51-am-03-ge-vscan-extend", map[string][]Endpoint{
		"vscan":        {pod("ultrasound", "vscan")},
		"dicom-server": {at("10.40.1.4")},
		"file-share":   {at("10.40.9.4")},
		"internet":     {at("198.51.100.7"), at("2001:db8:ffff::7")},
		"any-other":    {pod("elsewhere", "x"), pod("ultrasound", "debug"), at("10.40.1.5"), at("198.51.100.7")},
	}},
	"AM-05-nhs-imaging": {"52-am-05-nhs-imaging", map[string][]Endpoint{
		"imaging-modality-a": {pod("modality-a", "ct")},
		"imaging-modality-b": {pod("modality-b", "us")},
		"pacs":               {pod("pacs", "pacs")},
		"vna":                {pod("vna", "vna")},
		"viewer":             {pod("viewer", "viewer")},
		"corporate":          {pod("corporate", "laptop")},
		"supplier-remote":    {at("203.0.113.4")},
	}},
	"AM-07-hicp-dangerous-ports": {"53-am-07-hicp-dangerous-ports", map[string][]Endpoint{
		"medical-device": {pod("medical", "device")},
		"general-access": {pod("general-access", "desk")},
		"guest":          {at("172.20.0.9")},
		"vuln-scanner":   {pod("vuln-scanner", "scanner")},
	}},
}

// peersOnly are pairs neither of which is a Device zone: unrestricted, and so
// permitted without a conduit, which a denial could not be.
var peersOnly = map[string]bool{"pacs to vna": true, "viewer to pacs": true}

func pod(namespace, app string) Endpoint {
	return Endpoint{Namespace: namespace, Labels: map[string]string{"app": app}}
}

func at(address string) Endpoint { return Endpoint{Address: netip.MustParseAddr(address)} }

// Acceptance returns the rows of all matrices.
func Acceptance() ([]Row, error) {
	var matrices []struct {
		ID   string `json:"id"`
		Rows []struct {
			From, To, Proto, Verdict string
			Port                     any
		} `json:"rows"`
	}
	if err := yaml.Unmarshal(acceptance, &matrices); err != nil {
		return nil, fmt.Errorf("reading the acceptance matrices: %w", err)
	}
	var out []Row
	for _, m := range matrices {
		place, ok := places[m.ID]
		if !ok {
			return nil, fmt.Errorf("matrix %s has no scenario", m.ID)
		}
		for _, r := range m.Rows {
			row := Row{
				Matrix: m.ID, Scenario: place.scenario, From: r.From, To: r.To,
				Sources: place.parties[r.From], Targets: place.parties[r.To], Allow: r.Verdict == "allow",
			}
			if len(row.Sources) == 0 || len(row.Targets) == 0 {
				return nil, fmt.Errorf("matrix %s: %s or %s stands for nobody in the scenario", m.ID, r.From, r.To)
			}
			if peersOnly[r.From+" to "+r.To] {
				row.Undecidable = "neither side is a Device zone, so nothing restricts the flow"
			}
			row.Flows = flowsOf(r.Proto, fmt.Sprint(r.Port))
			out = append(out, row)
		}
	}
	return out, nil
}

// flowsOf returns the flow that a row names, or, where it says any, those that
// tell a closed device from an open one.
func flowsOf(proto, port string) []flow.Flow {
	if n, err := strconv.ParseUint(port, 10, 16); err == nil {
		return []flow.Flow{{Protocol: flow.Protocol(proto), Port: uint16(n)}}
	}
	var out []flow.Flow
	for _, n := range []uint16{1, 22, 23, 53, 67, 80, 104, 443, 445, 2575, 3389, 3613, 11112, 65535} {
		out = append(out, flow.Flow{Protocol: flow.TCP, Port: n}, flow.Flow{Protocol: flow.UDP, Port: n})
	}
	return out
}
