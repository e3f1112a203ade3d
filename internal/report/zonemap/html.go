package zonemap

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"io"
	"strings"

	"github.com/medfence/medfence/internal/analysis"
)

var (
	//go:embed picture.css
	pictureCSS string
	//go:embed page.css
	pageCSS string
	//go:embed page.js
	pageJS string
)

// hash is how a content security policy names a text that may stand in a page.
func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// HTML writes the map as one page that fetches nothing: its policy lets its own
// style and script run, by their hashes, and nothing else.
func HTML(w io.Writer, c *analysis.Chart) error {
	body, p, err := picture(c, true)
	if err != nil {
		return err
	}
	known, err := dataOf(c)
	if err != nil {
		return err
	}
	style := pictureCSS + pageCSS
	devices := 0
	for i := range c.Rooms {
		devices += c.Rooms[i].Devices
	}
	page := strings.NewReplacer(
		"{{policy}}", "default-src 'none'; base-uri 'none'; form-action 'none'; style-src "+hash(style)+"; script-src "+hash(pageJS),
		"{{style}}", style,
		"{{title}}", "Medfence: "+strings.Join([]string{counted(len(c.Rooms), "zone"), counted(conduitCount(c), "conduit"), counted(devices, "device")}, ", "),
		"{{viewBox}}", fmt.Sprintf("0 0 %g %g", max(p.Width, 1), max(p.Height, 1)),
		"{{picture}}", body,
		"{{data}}", known,
		"{{script}}", pageJS,
	).Replace(pageHTML)
	_, err = io.WriteString(w, page)
	return err
}

// conduitCount counts conduits, of which one can be several arrows.
func conduitCount(c *analysis.Chart) int {
	names := map[string]bool{}
	for _, l := range c.Links {
		names[l.Name] = true
	}
	return len(names)
}

const pageHTML = `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{{policy}}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{title}}</title>
<style>{{style}}</style></head>
<body>
<a class="skip" href="#details">To the details</a>
<header>
<h1>{{title}}</h1>
<label>Search<input id="search" type="search" placeholder="device or zone" autocomplete="off"></label>
<label>Zone<select id="zone"><option value="">all</option></select></label>
<label>Service<select id="service"><option value="">all</option></select></label>
<label>State<select id="state"><option value="">all</option><option value="enforced">enforced</option><option value="observed">observed</option><option value="problem">problem</option><option value="opening">opening</option><option value="waiting">not in force</option></select></label>
<button type="button" id="as-map" aria-pressed="true">Map</button>
<button type="button" id="as-table" aria-pressed="false">Table</button>
<button type="button" id="in" aria-label="Zoom in">+</button>
<button type="button" id="out" aria-label="Zoom out">&minus;</button>
<button type="button" id="fit">Fit</button>
<button type="button" id="theme">Light or dark</button>
</header>
<main id="body">
<div id="view">
<svg id="map" viewBox="{{viewBox}}" tabindex="-1" role="group" aria-label="Map of zones and conduits">
{{picture}}</svg>
<div id="tables" role="region" aria-label="Tables" tabindex="0" hidden></div>
</div>
<aside id="details" aria-label="Details" tabindex="-1" hidden></aside>
</main>
<footer class="legend"><span id="live" role="status"></span><span>Solid green: enforced.</span><span>Dashed amber: observed, nothing is denied yet.</span><span>Red: problem or opening.</span><span>&hearts; life-sustaining.</span><span>Thick line: patient data (PHI).</span><span>Keys: Tab, Enter, Escape, arrows, / to search.</span></footer>
<script type="application/json" id="data">{{data}}</script>
<script>{{script}}</script>
</body></html>
`

// counted returns "1 zone" or "2 zones".
func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
