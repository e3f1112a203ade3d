package cli

import (
	"net/netip"
	"slices"
	"strings"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/manifest"
)

// A survey finds out which zones a question is about, so that the devices and
// pods of all others need not be read.
type survey struct {
	zones    map[string][]medfencev1alpha1.DeviceZoneSpec
	conduits []medfencev1alpha1.ConduitSpec
	about    map[string]bool
}

// wordsOf are the names in what somebody calls an endpoint.
func wordsOf(endpoints []string) []string {
	var out []string
	for _, text := range endpoints {
		_, rest, ok := strings.Cut(text, "/")
		if _, err := netip.ParsePrefix(text); !ok || err == nil {
			continue
		}
		out = append(out, strings.Split(rest, "/")...)
	}
	return out
}

// around returns the names of the zones that a question about the endpoints
// concerns, and of their namespaces: the zones of the ends, those that conduits
// join to them, and those whose prefixes lie in each other.
func around(endpoints []string, o *manifest.Objects) []string {
	s := newSurvey(o)
	for _, text := range endpoints {
		s.start(text, o)
	}
	s.spread(s.joined)
	s.spread(s.overlapping)
	var out []string
	for zone := range s.about {
		out = append(out, zone)
		for _, spec := range s.zones[zone] {
			out = append(out, spec.Members.Namespaces...)
			out = append(out, spec.Members.InventoryNamespaces...)
		}
	}
	for _, text := range endpoints {
		if rest, ok := strings.CutPrefix(text, "pod/"); ok {
			namespace, _, _ := strings.Cut(rest, "/")
			out = append(out, namespace)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func newSurvey(o *manifest.Objects) *survey {
	s := &survey{zones: map[string][]medfencev1alpha1.DeviceZoneSpec{}, about: map[string]bool{}}
	for _, z := range o.Zones {
		s.zones[z.Name] = append(s.zones[z.Name], z.Spec)
		if a := z.Status.Accepted; a != nil {
			s.zones[z.Name] = append(s.zones[z.Name], a.Spec)
		}
	}
	for _, c := range o.Conduits {
		s.conduits = append(s.conduits, c.Spec)
		if a := c.Status.Accepted; a != nil {
			s.conduits = append(s.conduits, a.Spec)
		}
	}
	return s
}

// start adds the zones of one endpoint.
func (s *survey) start(text string, o *manifest.Objects) {
	kind, rest, _ := strings.Cut(text, "/")
	if address, ok := addressOf(text); ok {
		s.add(func(spec medfencev1alpha1.DeviceZoneSpec) bool { return holds(spec, address) })
		return
	}
	switch kind {
	case "zone":
		s.about[rest] = true
	case "pod":
		namespace, _, _ := strings.Cut(rest, "/")
		s.add(func(spec medfencev1alpha1.DeviceZoneSpec) bool {
			return slices.Contains(spec.Members.Namespaces, namespace) || spec.Members.NamespaceSelector != nil || spec.Members.PodSelector != nil
		})
	case "device":
		for _, d := range o.Devices {
			if d.Name != rest && d.Namespace+"/"+d.Name != rest {
				continue
			}
			s.about[d.Spec.Zone] = true
			if a := d.Status.Accepted; a != nil {
				s.about[a.Spec.Zone] = true
			}
		}
	}
}

// add adds the zones of which a spec fits.
func (s *survey) add(fits func(medfencev1alpha1.DeviceZoneSpec) bool) {
	for zone, specs := range s.zones {
		if slices.ContainsFunc(specs, fits) {
			s.about[zone] = true
		}
	}
}

// spread adds what is near the zones so far.
func (s *survey) spread(near func(zone string) []string) {
	var more []string
	for zone := range s.about {
		more = append(more, near(zone)...)
	}
	for _, zone := range more {
		s.about[zone] = true
	}
}

func (s *survey) joined(zone string) []string {
	var out []string
	for i := range s.conduits {
		c := &s.conduits[i]
		if slices.Contains(c.From.Zones, zone) || slices.Contains(c.To.Zones, zone) {
			out = append(out, c.From.Zones...)
			out = append(out, c.To.Zones...)
		}
	}
	return out
}

func (s *survey) overlapping(zone string) []string {
	var out []string
	for _, mine := range s.zones[zone] {
		for _, text := range mine.Members.CIDRs {
			p, ok := addressOf(text)
			if !ok {
				continue
			}
			for other, specs := range s.zones {
				if slices.ContainsFunc(specs, func(spec medfencev1alpha1.DeviceZoneSpec) bool { return holds(spec, p) }) {
					out = append(out, other)
				}
			}
		}
	}
	return out
}

// holds reports whether a zone has addresses of a prefix.
func holds(spec medfencev1alpha1.DeviceZoneSpec, p netip.Prefix) bool {
	return slices.ContainsFunc(spec.Members.CIDRs, func(text string) bool {
		own, ok := addressOf(text)
		return ok && own.Overlaps(p)
	})
}

func addressOf(text string) (netip.Prefix, bool) {
	if a, err := netip.ParseAddr(text); err == nil {
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), true
	}
	p, err := netip.ParsePrefix(text)
	return p.Masked(), err == nil
}
