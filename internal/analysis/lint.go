package analysis

import (
	"fmt"
	"slices"
	"strings"
	"time"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/flow"
	"github.com/medfence/medfence/internal/plan"
)

// soon is how long before its end a conduit is remarked upon.
const soon = 30 * 24 * time.Hour

// Lint returns the compiler's problems and what an auditor would remark. What a
// problem says already is not said twice.
func (r *Reach) Lint() []Finding {
	l := &linter{Reach: r, has: map[string]bool{}}
	for _, p := range r.Problems {
		l.out = append(l.out, FromProblem(p))
		l.has[p.Reason+" "+p.Object()] = true
	}
	for i := range r.Plan.Zones {
		if z := &r.Plan.Zones[i]; z.Standing != plan.Absent && z.Role == medfencev1alpha1.RoleDevice {
			l.zone(z)
		}
	}
	for i := range r.Plan.Devices {
		l.device(&r.Plan.Devices[i])
	}
	for i := range r.Plan.Conduits {
		if c := &r.Plan.Conduits[i]; c.Standing != plan.Absent && c.State != plan.Expired {
			l.conduit(c)
		}
	}
	return SortFindings(l.out)
}

// A linter collects findings.
type linter struct {
	*Reach
	has map[string]bool
	out []Finding
}

func (l *linter) advise(f Finding, format string, args ...any) {
	f.Level, f.Message = Advice, fmt.Sprintf(format, args...)
	l.out = append(l.out, f)
}

func (l *linter) zone(z *plan.Zone) {
	at := Finding{Kind: plan.KindZone, Name: z.Name}
	level := z.Spec.SecurityLevel
	switch {
	case level == nil:
		l.advise(at.on(RuleNoSecurityLevel, "spec.securityLevel"), "the zone has no security level; give it a target of 1 to 4 and the rationale of your risk assessment")
	case strings.TrimSpace(level.Rationale) == "":
		l.advise(at.on(RuleNoSecurityLevel, "spec.securityLevel.rationale"), "security level %d has no rationale; name the risk assessment that it comes from", level.Target)
	}
	if z.Spec.Owner == "" {
		l.advise(at.on(RuleNoOwner, "spec.owner"), "nobody answers for this zone and its devices; name a team with a telephone number in owner")
	}
	l.mixed(z, at)
}

// mixed remarks upon life-sustaining devices among others.
func (l *linter) mixed(z *plan.Zone, at Finding) {
	var sustaining, others int
	var example string
	for _, c := range l.classes[z.Name] {
		for _, d := range c.Devices {
			if d.Spec.Criticality == medfencev1alpha1.CriticalityLifeSustaining {
				sustaining++
				continue
			}
			if others++; example == "" {
				example = fmt.Sprintf("%s/%s is %s", d.Namespace, d.Name, d.Spec.Criticality)
			}
		}
	}
	if sustaining > 0 && others > 0 {
		l.advise(at.on(RuleMixedCriticality, ""), "%s the zone with %s of less weight (%s); consider a zone of their own for the life-sustaining ones",
			plural(sustaining, "life-sustaining device shares", "life-sustaining devices share"), plural(others, "device", "devices"), example)
	}
}

func (l *linter) device(d *plan.Device) {
	if d.Standing == plan.Absent || d.Spec.Identity.FirmwareVersion != "" {
		return
	}
	at := Finding{Kind: plan.KindDevice, Namespace: d.Namespace, Name: d.Name}
	l.advise(at.on(RuleNoFirmware, "spec.identity"), "the firmware version is missing, so nobody can tell which advisories concern the device; add identity.firmwareVersion")
}

func (l *linter) conduit(c *plan.Conduit) {
	at := Finding{Kind: plan.KindConduit, Name: c.Name}
	if !l.siteService(c.To) {
		l.zoneWide(c, at.on(RuleZoneWideConduit, "spec.from"), c.Spec.From, c.From)
		l.zoneWide(c, at.on(RuleZoneWideConduit, "spec.to"), c.Spec.To, c.To)
	}
	l.unused(c, at)
	l.plaintext(c, at)
	l.expiry(c, at)
}

// siteService reports whether all far ends are Infrastructure: time, names and
// addresses are for every device.
func (l *linter) siteService(ends []plan.End) bool {
	return !slices.ContainsFunc(ends, func(e plan.End) bool {
		z := l.zones[e.Zone]
		return z == nil || z.Role != medfencev1alpha1.RoleInfrastructure
	})
}

// zoneWide remarks upon a side that takes in every device of a zone of several
// models.
func (l *linter) zoneWide(c *plan.Conduit, at Finding, spec medfencev1alpha1.ConduitEnd, ends []plan.End) {
	if spec.DeviceSelector != nil || !c.Permits() {
		return
	}
	for _, e := range ends {
		if !l.Segmented(e.Zone) || e.Empty() {
			continue
		}
		if models := l.models(e.Zone); len(models) > 1 {
			l.advise(at, "every device of zone %s takes part, of %d models (%s); if one model would do, add a deviceSelector",
				e.Zone, len(models), clipped(models, 3))
		}
	}
}

// models returns the models of a zone's devices, sorted.
func (l *linter) models(zone string) []string {
	var out []string
	for _, c := range l.classes[zone] {
		for _, d := range c.Devices {
			if m := strings.TrimSpace(d.Spec.Identity.Manufacturer + " " + d.Spec.Identity.Model); m != "" {
				out = append(out, m)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// unused remarks upon a conduit in which no registered device takes part. One
// that nothing can use at all is a problem, and said already.
func (l *linter) unused(c *plan.Conduit, at Finding) {
	said := l.has[medfencev1alpha1.ReasonDeadConduit+" "+at.Object()] || l.has[medfencev1alpha1.ReasonSelectsNothing+" "+at.Object()]
	if said || c.Point == "" {
		return
	}
	for _, side := range []Side{From, To} {
		for _, e := range [][]plan.End{From: c.From, To: c.To}[side] {
			for i := range l.classes[e.Zone] {
				if class := &l.classes[e.Zone][i]; class.Part == Devices && class.has(c.Name, side) {
					return
				}
			}
		}
	}
	l.advise(at.on(RuleUnusedConduit, ""), "no registered device takes part in this conduit; register the devices that need it, or delete it")
}

// plaintext remarks upon patient data in the clear.
func (l *linter) plaintext(c *plan.Conduit, at Finding) {
	if strings.TrimSpace(c.Spec.RiskAcceptance) != "" {
		return
	}
	for i, s := range c.Spec.Services {
		known, _ := l.catalogue().Lookup(s.Name)
		encrypted := known.Encrypted || s.Encrypted == medfencev1alpha1.EncryptedYes
		phi := c.Spec.DataClass == medfencev1alpha1.DataPHI || c.Spec.DataClass == "" && known.CarriesPHI
		if encrypted || !phi || s.Protocol == medfencev1alpha1.Protocol(flow.ICMP) {
			continue
		}
		name := s.Name
		if name == "" {
			name = string(s.Protocol) + " of this conduit"
		}
		l.advise(at.on(RulePlaintextPHI, fmt.Sprintf("spec.services[%d]", i)),
			"%s carries patient data in the clear; use an encrypted service, set encrypted: Yes where it is, or write a riskAcceptance", name)
	}
}

// expiry remarks upon an end that is near, and upon vendors who never leave.
func (l *linter) expiry(c *plan.Conduit, at Finding) {
	if e := c.Spec.ExpiresAt; e != nil {
		left := e.Sub(l.Snapshot.Now)
		if left > 0 && left <= soon {
			l.advise(at.on(RuleExpiresSoon, "spec.expiresAt"), "the conduit ends on %s, in %s; renew it or let it end",
				e.UTC().Format(timeFormat), plural(int(left/(24*time.Hour)), "day", "days"))
		}
		return
	}
	for _, e := range slices.Concat(c.From, c.To) {
		if z := l.zones[e.Zone]; z != nil && z.Role == medfencev1alpha1.RoleExternal {
			l.advise(at.on(RuleVendorNoExpiry, "spec"), "zone %s is External and this conduit never ends; set expiresAt to the end of the contract", e.Zone)
			return
		}
	}
}

// on returns the finding with a rule and a field.
func (f Finding) on(rule, path string) Finding {
	f.Rule, f.Path = rule, path
	return f
}

// plural returns "1 day" or "3 days".
func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// clipped lists at most n names.
func clipped(names []string, n int) string {
	if len(names) <= n {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:n], ", "), len(names)-n)
}
