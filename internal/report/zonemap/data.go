package zonemap

import (
	"encoding/json"
	"fmt"

	"github.com/medfence/medfence/internal/analysis"
	"github.com/medfence/medfence/internal/plan"
)

// data is what the page knows, beside the picture.
type data struct {
	Rooms  []roomData  `json:"rooms"`
	Arrows []arrowData `json:"arrows"`
}

type roomData struct {
	Name        string      `json:"name"`
	Role        string      `json:"role"`
	State       string      `json:"state"`
	Owner       string      `json:"owner,omitempty"`
	Description string      `json:"description,omitempty"`
	Count       int         `json:"count"`
	Sustaining  int         `json:"sustaining"`
	PHI         int         `json:"phi"`
	Members     []string    `json:"members"`
	Problems    []string    `json:"problems,omitempty"`
	Open        []string    `json:"open,omitempty"`
	Cut         []string    `json:"cut,omitempty"`
	Stopped     []string    `json:"stopped,omitempty"`
	Classes     []classData `json:"classes,omitempty"`
}

// classData are devices that have the same conduits.
type classData struct {
	Part    string     `json:"part"`
	Devices [][]string `json:"devices,omitempty"` // name, criticality, PHI, model, addresses
	Rows    []rowData  `json:"rows"`
}

type rowData struct {
	Direction string `json:"dir"`
	Peer      string `json:"peer"`
	Permitted string `json:"permits"`
	Conduit   string `json:"conduit"`
}

type arrowData struct {
	From     string        `json:"from"`
	To       string        `json:"to"`
	State    string        `json:"state"`
	Conduits []conduitData `json:"conduits"`
}

type conduitData struct {
	Name     string   `json:"name"`
	Purpose  string   `json:"purpose"`
	State    string   `json:"state"`
	Services []string `json:"services"`
	PHI      bool     `json:"phi,omitempty"`
	Expires  string   `json:"expires,omitempty"`
	Risk     string   `json:"risk,omitempty"`
	From     []string `json:"from"`
	To       []string `json:"to"`
	Problems []string `json:"problems,omitempty"`
}

// dataOf returns the page's data as JSON that can stand in a script element:
// encoding/json writes <, > and & as escapes.
func dataOf(c *analysis.Chart) (string, error) {
	out := data{Rooms: []roomData{}, Arrows: []arrowData{}}
	for i := range c.Rooms {
		out.Rooms = append(out.Rooms, roomOf(c, &c.Rooms[i]))
	}
	for _, a := range arrows(c) {
		one := arrowData{From: a.from, To: a.to, State: a.state()}
		for _, l := range a.links {
			one.Conduits = append(one.Conduits, conduitOf(l))
		}
		out.Arrows = append(out.Arrows, one)
	}
	text, err := json.Marshal(out)
	if err != nil {
		return "", fmt.Errorf("writing the map's data: %w", err)
	}
	return string(text), nil
}

func roomOf(c *analysis.Chart, r *analysis.Room) roomData {
	out := roomData{
		Name: r.Name, Role: string(r.Role), State: r.State, Owner: r.Spec.Owner, Description: r.Spec.Description,
		Count: r.Devices, Sustaining: r.Sustaining, PHI: r.PHI, Members: []string{}, Problems: problemWords(r.Problems), Open: r.Open, Cut: r.Cut, Stopped: r.Stopped,
	}
	for _, n := range r.Namespaces {
		out.Members = append(out.Members, "namespace "+n.Name)
	}
	out.Members = append(out.Members, r.Spec.Members.CIDRs...)
	out.Members = append(out.Members, r.FQDNs...)
	for _, e := range r.Entities {
		out.Members = append(out.Members, string(e))
	}
	for i := range r.Classes {
		out.Classes = append(out.Classes, classOf(c, &r.Classes[i]))
	}
	return out
}

func classOf(c *analysis.Chart, class *analysis.Class) classData {
	out := classData{Part: string(class.Part), Rows: []rowData{}}
	for _, d := range class.Devices {
		out.Devices = append(out.Devices, deviceOf(d))
	}
	for _, r := range c.RowsOf(class) {
		out.Rows = append(out.Rows, rowData{r.Direction, r.Peer, analysis.PermissionOf(r.Grant.Services).String(), r.Grant.Conduit})
	}
	return out
}

func deviceOf(d *plan.Device) []string {
	phi, located := "", ""
	if d.Spec.DataClass == "PHI" {
		phi = "PHI"
	}
	for _, p := range d.Prefixes {
		if located != "" {
			located += " "
		}
		if p.IsSingleIP() {
			located += p.Addr().String()
			continue
		}
		located += p.String()
	}
	if located == "" && d.Workload.Namespace != "" {
		located = "pods"
	}
	return []string{d.Namespace + "/" + d.Name, string(d.Spec.Criticality), phi, d.Spec.Identity.Model, located}
}

func conduitOf(l analysis.Link) conduitData {
	out := conduitData{
		Name: l.Name, Purpose: l.Spec.Purpose, State: l.State, PHI: l.PHI, Risk: l.Spec.RiskAcceptance,
		Services: []string{}, From: []string{}, To: []string{}, Problems: problemWords(l.Problems),
	}
	for _, s := range l.Services {
		out.Services = append(out.Services, analysis.ServiceWords(s))
	}
	if l.Spec.ExpiresAt != nil {
		out.Expires = l.Spec.ExpiresAt.UTC().Format("2006-01-02 15:04 MST")
	}
	for _, s := range l.Senders {
		out.From = append(out.From, s.Words())
	}
	for _, s := range l.Receivers {
		out.To = append(out.To, s.Words())
	}
	return out
}

func problemWords(list []plan.Problem) []string {
	var out []string
	for _, p := range list {
		out = append(out, p.Reason+" "+p.Object()+": "+p.Message)
	}
	return out
}
