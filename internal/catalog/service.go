package catalog

import (
	"slices"

	"github.com/medfence/medfence/internal/flow"
)

// A Service is what the catalogue knows of one named service.
type Service struct {
	// Name is a DNS label, such as "hl7-mllp".
	Name string
	// Title says in a few words what the service is.
	Title string
	// Endpoints are where the responder listens: at least one, and at most one
	// for each protocol, in the order of the file.
	Endpoints []Endpoint
	// Encrypted is true only for a service that cannot speak in the clear.
	Encrypted bool
	// Dangerous marks what ransomware and intruders use to move sideways.
	Dangerous bool
	// CarriesPHI is true where patient data is what the service is for.
	CarriesPHI bool
	// CallBack says how the responder calls the initiator back, which needs a
	// conduit of its own (DICOM C-MOVE). It is empty if it does not.
	CallBack string
	// Note holds site conventions and hints.
	Note string
	// Source says where the facts come from: a standard with its section, a
	// registry, an advisory.
	Source string
}

// An Endpoint is a protocol with its ports, or ICMP with its types.
type Endpoint struct {
	Protocol flow.Protocol
	// Ports are the ports of the responder; empty for ICMP.
	Ports flow.PortSet
	// ICMPTypes are sorted; empty without ICMP.
	ICMPTypes []uint8
}

// clone returns a copy that shares nothing with s.
func (s Service) clone() Service {
	s.Endpoints = slices.Clone(s.Endpoints)
	for i, e := range s.Endpoints {
		s.Endpoints[i].Ports = slices.Clone(e.Ports)
		s.Endpoints[i].ICMPTypes = slices.Clone(e.ICMPTypes)
	}
	return s
}

// meets reports whether the service listens on any port of r.
func (s Service) meets(p flow.Protocol, r flow.PortRange) bool {
	return slices.ContainsFunc(s.Endpoints, func(e Endpoint) bool {
		return e.Protocol == p && slices.ContainsFunc(e.Ports, func(own flow.PortRange) bool {
			return max(own.Port, r.Port) <= min(own.End, r.End)
		})
	})
}

// covers reports whether the service listens wherever other does.
func (s Service) covers(other Service) bool {
	return !slices.ContainsFunc(other.Endpoints, func(o Endpoint) bool {
		return !slices.ContainsFunc(s.Endpoints, func(e Endpoint) bool { return e.covers(o) })
	})
}

// covers reports whether e includes every port and ICMP type of other.
func (e Endpoint) covers(other Endpoint) bool {
	if e.Protocol != other.Protocol || !slices.Equal(e.Ports.Union(other.Ports), e.Ports) {
		return false
	}
	return !slices.ContainsFunc(other.ICMPTypes, func(t uint8) bool {
		return !slices.Contains(e.ICMPTypes, t)
	})
}
