package main

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"

	"github.com/medfence/medfence/internal/catalog"
)

//go:embed intro.md
var intro string

//go:embed site.md
var site string

// page returns the whole of docs/services.md.
func page(services []catalog.Service) string {
	var b strings.Builder
	b.WriteString(intro)
	b.WriteString("\n## Services\n\n")
	table(&b, services, false)
	b.WriteString("\n## Dangerous services\n\n" +
		"A conduit that names one of these, or opens one of their ports under another name,\n" +
		"is refused unless its `riskAcceptance` says who accepts the risk.\n\n")
	table(&b, services, true)
	b.WriteString("\n## Call-backs and notes\n\n")
	notes(&b, services)
	b.WriteString("\n")
	b.WriteString(site)
	return b.String()
}

// table writes one row for each service that is dangerous, or is not.
func table(b *strings.Builder, services []catalog.Service, dangerous bool) {
	b.WriteString("| Name | Service | Listens on | Encrypted | Patient data | Source |\n")
	b.WriteString("|---|---|---|---|---|---|\n")
	for _, s := range services {
		if s.Dangerous != dangerous {
			continue
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | %s | %s | %s |\n", s.Name, cell(s.Title),
			listens(s.Endpoints), yesNo(s.Encrypted), yesNo(s.CarriesPHI), cell(s.Source))
	}
}

// notes writes an item for each service that calls back or has a note.
func notes(b *strings.Builder, services []catalog.Service) {
	for _, s := range services {
		if s.CallBack == "" && s.Note == "" {
			continue
		}
		fmt.Fprintf(b, "- `%s`:", s.Name)
		if s.CallBack != "" {
			fmt.Fprintf(b, " *Calls back:* %s", s.CallBack)
		}
		if s.Note != "" {
			fmt.Fprintf(b, " %s", s.Note)
		}
		b.WriteString("\n")
	}
}

// listens returns "TCP 104, 11112; UDP 53" or "ICMP 8, 128".
func listens(endpoints []catalog.Endpoint) string {
	parts := make([]string, 0, len(endpoints))
	for _, e := range endpoints {
		numbers := make([]string, 0, len(e.Ports)+len(e.ICMPTypes))
		for _, r := range e.Ports {
			numbers = append(numbers, r.String())
		}
		for _, t := range e.ICMPTypes {
			numbers = append(numbers, strconv.Itoa(int(t)))
		}
		parts = append(parts, string(e.Protocol)+" "+strings.Join(numbers, ", "))
	}
	return strings.Join(parts, "; ")
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// cell keeps a text from ending its table cell.
func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }
