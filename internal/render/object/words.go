package object

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/medfence/medfence/internal/flow"
	"github.com/medfence/medfence/internal/plan"
)

// BaselinePermits are the words of a baseline.
const BaselinePermits = "nothing; other policies permit what passes"

// GuardPermits and MoatPermits are the words of a guard and of a moat.
const (
	GuardPermits = "nothing; it denies whatever no conduit permits, whoever else allows it"
	MoatPermits  = "nothing; it keeps pods and the zone's addresses apart, but for its conduits"
)

// Permits says in words what a workload's policy permits, one line for each
// conduit and direction:
//
//	from imaging-a, imaging-b: dicom TCP 104, 11112 (imaging-pacs: Studies to the archive)
//	to the cluster DNS: any name
//
// Text over 16 KiB ends in "... and N more conduits".
func (ix *Index) Permits(w *plan.Workload) string {
	links := ix.links[w.WorkloadKey]
	var lines []string
	for _, l := range links {
		lines = append(lines, l.words())
	}
	if dns, ok := ix.DNS(w); ok {
		lines = append(lines, dns.words())
	}
	kept := within(lines, len("\n"), "... and 1000000 more conduits")
	if kept == len(lines) {
		return strings.Join(lines, "\n")
	}
	rest := map[string]bool{}
	for _, l := range links[min(kept, len(links)):] {
		rest[l.Conduit.Name] = true
	}
	return strings.Join(append(lines[:kept:kept], fmt.Sprintf("... and %d more conduits", len(rest))), "\n")
}

// ConduitNames returns the names of the conduits that a workload takes part in.
func (ix *Index) ConduitNames(key plan.WorkloadKey) []string {
	var names []string
	for _, l := range ix.links[key] {
		names = append(names, l.Conduit.Name)
	}
	return set(names, nil, strings.Compare)
}

// words returns "to pacs: dicom TCP 104, 11112 (imaging-pacs: Studies to the
// archive)".
func (l Link) words() string {
	zones := make([]string, 0, len(l.Peers))
	for _, e := range l.Peers {
		zones = append(zones, e.Zone)
	}
	services := make([]string, 0, len(l.Services))
	for _, s := range l.Services {
		services = append(services, serviceWords(s))
	}
	why := l.Conduit.Name
	if purpose := oneLine(l.Conduit.Spec.Purpose); purpose != "" {
		why += ": " + purpose
	}
	return fmt.Sprintf("%s %s: %s (%s)", l.Direction,
		strings.Join(set(zones, nil, strings.Compare), ", "), strings.Join(services, "; "), why)
}

// serviceWords returns "dicom TCP 104, 11112", "ICMP type 8" or "fhir TCP 443,
// only GET /fhir/Observation".
func serviceWords(s flow.Service) string {
	words := strings.TrimSpace(s.Name + " " + string(s.Protocol))
	if s.Protocol == flow.ICMP {
		types := make([]string, 0, len(s.ICMPTypes))
		for _, t := range s.ICMPTypes {
			types = append(types, strconv.Itoa(int(t)))
		}
		return words + " type " + strings.Join(types, ", ")
	}
	words += " " + strings.ReplaceAll(s.Ports.String(), ",", ", ")
	if len(s.HTTP) == 0 {
		return words
	}
	requests := make([]string, 0, len(s.HTTP))
	for _, r := range s.HTTP {
		requests = append(requests, httpWords(r))
	}
	return words + ", only " + strings.Join(requests, ", ")
}

func httpWords(r flow.HTTPRule) string {
	method, path := r.Method, oneLine(r.Path)
	if method == "" {
		method = "any method"
	}
	if path == "" {
		path = "on any path"
	}
	return method + " " + path
}

func (d DNS) words() string {
	if len(d.Names) == 0 {
		return "to the cluster DNS: any name"
	}
	return "to the cluster DNS: only " + strings.Join(d.Names, ", ")
}

// oneLine returns the text with single spaces for all white space.
func oneLine(text string) string {
	return strings.Join(strings.Fields(strings.ToValidUTF8(text, "")), " ")
}
