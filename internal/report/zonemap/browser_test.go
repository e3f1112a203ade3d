package zonemap_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/medfence/medfence/internal/analysis"
	"github.com/medfence/medfence/internal/report/zonemap"
	"github.com/medfence/medfence/internal/snapshot"
)

// pictures is where screenshots go, for somebody to look at.
var pictures = flag.String("pictures", "", "folder for screenshots of the map")

// A browser is a page in Debian's Chromium, and what it complained of.
type browser struct {
	context.Context
	t        *testing.T
	errors   []string
	requests []string
}

// open writes a chart to a file and opens it.
func open(t *testing.T, c *analysis.Chart, options ...chromedp.ExecAllocatorOption) *browser {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatalf("%v: run hack/setup.sh, which installs it", err)
	}
	var text bytes.Buffer
	if err := zonemap.HTML(&text, c); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "map.html")
	if err := os.WriteFile(file, text.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	all := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.WindowSize(1500, 950))
	allocator, stop := chromedp.NewExecAllocator(t.Context(), append(all, options...)...)
	t.Cleanup(stop)
	ctx, stopTab := chromedp.NewContext(allocator)
	t.Cleanup(stopTab)
	ctx, stopTime := context.WithTimeout(ctx, 2*time.Minute)
	t.Cleanup(stopTime)
	b := &browser{Context: ctx, t: t}
	chromedp.ListenTarget(ctx, func(event any) {
		switch e := event.(type) {
		case *runtime.EventExceptionThrown:
			b.errors = append(b.errors, e.ExceptionDetails.Error())
		case *log.EventEntryAdded:
			b.errors = append(b.errors, e.Entry.Text)
		case *network.EventRequestWillBeSent:
			b.requests = append(b.requests, e.Request.URL)
		}
	})
	at := (&url.URL{Scheme: "file", Path: file}).String()
	b.do(network.Enable(), log.Enable(), chromedp.Navigate(at), chromedp.WaitReady("html[data-ready]", chromedp.ByQuery))
	return b
}

func (b *browser) do(actions ...chromedp.Action) {
	b.t.Helper()
	if err := chromedp.Run(b, actions...); err != nil {
		b.t.Fatal(err)
	}
}

// eval returns the result of a script as text.
func (b *browser) eval(script string) string {
	b.t.Helper()
	var out any
	b.do(chromedp.Evaluate(script, &out))
	text, err := json.Marshal(out)
	if err != nil {
		b.t.Fatal(err)
	}
	return strings.Trim(string(text), `"`)
}

func (b *browser) details() string { return b.eval(`document.getElementById("details").innerText`) }

func (b *browser) picture(name string) {
	if *pictures == "" {
		return
	}
	var png []byte
	b.do(chromedp.CaptureScreenshot(&png))
	if err := os.WriteFile(filepath.Join(*pictures, name+".png"), png, 0o600); err != nil {
		b.t.Fatal(err)
	}
}

// axe runs the accessibility check and returns its violations.
func (b *browser) axe() string {
	b.t.Helper()
	source, err := os.ReadFile("testdata/axe/axe.min.js")
	if err != nil {
		b.t.Fatal(err)
	}
	var out string
	b.do(chromedp.Evaluate(string(source)+";0", nil),
		chromedp.Evaluate(`axe.run().then(r => r.violations.map(v => v.id + ": " + v.help + " " + v.nodes.slice(0,3).map(n => n.html.slice(0,160) + " " + n.failureSummary).join(" | ")).join("\n"))`, &out,
			func(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }))
	return out
}

func TestTheMapInABrowser(t *testing.T) {
	b := open(t, hospital(t))
	t.Run("fetches nothing and complains of nothing", func(t *testing.T) {
		if len(b.requests) != 1 || !strings.HasPrefix(b.requests[0], "file://") {
			t.Errorf("requests: %v", b.requests)
		}
		if len(b.errors) > 0 {
			t.Errorf("errors: %v", b.errors)
		}
	})
	b.picture("map-light")
	t.Run("search finds a device", func(t *testing.T) {
		b.do(chromedp.SendKeys("#search", "pump-icu-07", chromedp.ByQuery))
		if got := b.eval(`document.getElementById("live").textContent`); !strings.Contains(got, ", 1 device") {
			t.Errorf("status: %s", got)
		}
		if got := b.eval(`[...document.querySelectorAll(".room:not(.dim) .name")].map(e=>e.textContent).join()`); got != "infusion" {
			t.Errorf("rooms: %s", got)
		}
		b.do(chromedp.Click(`//aside//button[contains(., "pump-icu-07")]`, chromedp.BySearch))
		for _, want := range []string{"LifeSustaining", "What may open a connection to it", "gateway-to-pumps", "TCP 3613"} {
			if got := b.details(); !strings.Contains(got, want) {
				t.Errorf("details lack %q: %s", want, got)
			}
		}
		b.picture("map-device")
		b.do(chromedp.KeyEvent(kb.Escape))
		b.eval(`(()=>{const e=document.getElementById("search");e.value="";e.dispatchEvent(new Event("input"))})()`)
	})
	t.Run("filters by zone, service and state", func(t *testing.T) {
		for id, tc := range map[string]struct{ value, rooms string }{
			"zone":    {"pacs", "imaging,pacs"},
			"service": {"ssh", "laboratory,biomed-workbench"},
			"state":   {"observed", "imaging,pacs,ct-vendor,ct-vendor-updates,site-services"},
		} {
			b.eval(`(()=>{const e=document.getElementById("` + id + `");e.value="` + tc.value + `";e.dispatchEvent(new Event("input"))})()`)
			if got := b.eval(`[...document.querySelectorAll(".room:not(.dim) .name")].map(e=>e.textContent).join()`); got != tc.rooms {
				t.Errorf("%s=%s shows %s, want %s", id, tc.value, got, tc.rooms)
			}
			b.eval(`(()=>{const e=document.getElementById("` + id + `");e.value="";e.dispatchEvent(new Event("input"))})()`)
		}
	})
	t.Run("a click on an arrow shows its conduits", func(t *testing.T) {
		b.do(chromedp.Click(`[aria-label^="From imaging to pacs"] .tag`, chromedp.ByQuery))
		for _, want := range []string{"imaging-to-pacs", "Studies from the modalities", "dicom TCP 11112", "patient data"} {
			if got := b.details(); !strings.Contains(got, want) {
				t.Errorf("details lack %q: %s", want, got)
			}
		}
		b.do(chromedp.KeyEvent(kb.Escape))
	})
	t.Run("a click on its line does, too", func(t *testing.T) {
		b.eval(`(()=>{const i=document.querySelector('[aria-label^="From imaging to pacs"]').dataset.arrow;
			document.querySelector('[data-way="'+i+'"] .hit').dispatchEvent(new MouseEvent("click",{bubbles:true}))})()`)
		if got := b.details(); !strings.Contains(got, "imaging-to-pacs") {
			t.Errorf("details lack the conduit: %s", got)
		}
		b.do(chromedp.KeyEvent(kb.Escape))
	})
	t.Run("keys alone reach everything", func(t *testing.T) {
		b.eval(`document.getElementById("theme").focus()`)
		b.do(chromedp.KeyEvent(kb.Tab))
		if got := b.eval(`document.activeElement.getAttribute("data-room")`); got != "0" {
			t.Errorf("Tab leads to %s", b.eval(`document.activeElement.outerHTML.slice(0,200)`))
		}
		b.do(chromedp.KeyEvent(kb.Enter))
		if got := b.details(); !strings.Contains(got, "Zone imaging") {
			t.Errorf("details: %s", got)
		}
		b.do(chromedp.KeyEvent(kb.Escape))
		if got := b.eval(`document.activeElement.getAttribute("data-room")`); got != "0" {
			t.Errorf("Escape leaves the focus at %s", got)
		}
		before := b.eval(`document.getElementById("map").getAttribute("viewBox")`)
		b.do(chromedp.KeyEvent(kb.ArrowRight))
		if got := b.eval(`document.getElementById("map").getAttribute("viewBox")`); got == before {
			t.Error("an arrow key does not move the map")
		}
		b.do(chromedp.KeyEvent("/"))
		if got := b.eval(`document.activeElement.id`); got != "search" {
			t.Errorf("/ focuses %s", got)
		}
		b.eval(`(()=>{const e=document.getElementById("search");e.value="";e.dispatchEvent(new Event("input"))})()`)
		b.do(chromedp.Click("#fit", chromedp.ByQuery))
	})
	t.Run("is accessible", func(t *testing.T) {
		if got := b.axe(); got != "" {
			t.Errorf("light: %s", got)
		}
		b.do(chromedp.Click("#as-table", chromedp.ByQuery))
		b.picture("map-table")
		if got := b.axe(); got != "" {
			t.Errorf("table: %s", got)
		}
		if got := b.eval(`document.querySelectorAll("#tables table")[2].rows.length`); got != "15" {
			t.Errorf("the table has %s rows", got)
		}
		b.do(chromedp.Click(`//div[@id="tables"]//button[. = "infusion"]`, chromedp.BySearch))
		if got := b.details(); !strings.Contains(got, "Zone infusion") {
			t.Errorf("details: %s", got)
		}
		b.do(chromedp.Click("#as-map", chromedp.ByQuery), chromedp.Click("#theme", chromedp.ByQuery))
		b.picture("map-dark")
		if got := b.axe(); got != "" {
			t.Errorf("dark: %s", got)
		}
	})
	t.Run("prints", func(t *testing.T) {
		var pdf []byte
		b.do(chromedp.ActionFunc(func(ctx context.Context) (err error) {
			pdf, _, err = page.PrintToPDF().WithPrintBackground(true).Do(ctx)
			return err
		}))
		if !bytes.HasPrefix(pdf, []byte("%PDF")) || len(pdf) < 5000 {
			t.Errorf("%d bytes", len(pdf))
		}
		if *pictures != "" {
			if err := os.WriteFile(filepath.Join(*pictures, "map.pdf"), pdf, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	})
	if len(b.errors) > 0 {
		t.Errorf("errors after all: %v", b.errors)
	}
}

const allowAll = `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: allow-all, namespace: infusion}
spec: {podSelector: {}, policyTypes: [Ingress], ingress: [{}]}
`

// A zone that somebody else's policy opens is marked, and says which one.
func TestAnOpeningIsSeen(t *testing.T) {
	b := open(t, sampleWith(t, snapshot.Netpol, allowAll))
	b.picture("map-opening")
	if got := b.eval(`document.querySelector('[aria-label*="infusion"][data-room]').outerHTML.includes("OPENING")`); got != "true" {
		t.Error("the room is not marked")
	}
	b.eval(`(()=>{const e=document.getElementById("state");e.value="opening";e.dispatchEvent(new Event("input"))})()`)
	if got := b.eval(`[...document.querySelectorAll(".room:not(.dim) .name")].map(e=>e.textContent).join()`); got != "infusion" {
		t.Errorf("state=opening shows %s", got)
	}
	b.do(chromedp.Click(`//*[@data-room and contains(@aria-label, "infusion")]`, chromedp.BySearch))
	for _, want := range []string{"let pass beyond the conduits", "NetworkPolicy/infusion/allow-all spec.ingress[0]"} {
		if got := b.details(); !strings.Contains(got, want) {
			t.Errorf("details lack %q: %s", want, got)
		}
	}
	if got := b.axe(); got != "" {
		t.Errorf("axe: %s", got)
	}
}

func TestALargeHospitalIsUsable(t *testing.T) {
	b := open(t, large(100, 100))
	b.picture("map-10000")
	if got := b.eval(`document.getElementById("live").textContent`); !strings.Contains(got, "10000 devices") {
		t.Errorf("status: %s", got)
	}
	t.Logf("interactive after %s ms", b.eval(`Math.round(performance.now())`))
	b.do(chromedp.SendKeys("#search", "zone-42/d-17", chromedp.ByQuery))
	if got := b.eval(`document.getElementById("live").textContent`); !strings.Contains(got, ", 1 device") {
		t.Errorf("status: %s", got)
	}
	if got := b.details(); !strings.Contains(got, "zone-42/d-17") {
		t.Errorf("details: %s", got)
	}
	b.do(chromedp.Click("#as-table", chromedp.ByQuery))
	if got := b.eval(`document.querySelectorAll("#tables tr").length < 700`); got != "true" {
		t.Error("the table shows every device at once")
	}
	if len(b.errors) > 0 {
		t.Errorf("errors: %v", b.errors)
	}
}
