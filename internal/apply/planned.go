package apply

import (
	"github.com/medfence/medfence/internal/plan"
	"github.com/medfence/medfence/internal/render/object"
)

// GroupsOf returns the CIDR groups of a plan, for Request.Groups.
func GroupsOf(p *plan.Plan) []Group {
	uids := map[string]string{}
	for _, z := range p.Zones {
		uids[z.Name] = z.UID
	}
	out := make([]Group, 0, len(p.Groups))
	for _, g := range p.Groups {
		out = append(out, Group{Name: object.GroupName(g.Name), Owner: Owner{Zone: g.Zone, UID: uids[g.Zone]}, Prefixes: g.Prefixes})
	}
	return out
}
