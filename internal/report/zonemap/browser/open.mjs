// Opens pages of the map in Debian's Chromium, and keeps what they ask for and
// complain of.
import { createRequire } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

const axeFile = createRequire(import.meta.url).resolve("axe-core/axe.min.js");

/** The folders that go test names: of the pages, and of pictures to look at (or none). */
const { MEDFENCE_PAGES: pages, MEDFENCE_PICTURES: pictures } = process.env;
if (!pages) throw new Error("MEDFENCE_PAGES names no folder of pages: go test ./internal/report/zonemap makes them and runs this");

/** Starts the browser that CHROMIUM names. */
export const start = () =>
  chromium.launch({ executablePath: process.env.CHROMIUM || "/usr/bin/chromium", args: ["--no-sandbox"] });

/**
 * Opens a page and waits until it can be used. It has the page, its complaints
 * (errors and warnings), and the addresses that it asked for.
 */
export async function open(browser, name, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1500, height: 950 }, ...options });
  const page = await context.newPage();
  const complaints = [], requests = [];
  page.on("console", (m) => { if (["error", "warning"].includes(m.type())) complaints.push(m.text()); });
  page.on("pageerror", (e) => complaints.push(String(e)));
  page.on("requestfailed", (r) => complaints.push(`${r.url()}: ${r.failure()?.errorText}`));
  context.on("request", (r) => requests.push(r.url()));
  await page.goto(pathToFileURL(path.join(pages, name + ".html")).href);
  await page.locator("html[data-ready]").waitFor();
  return { page, complaints, requests, ...views(page) };
}

function views(page) {
  return {
    /** What the details beside the map say. */
    details: () => page.locator("#details").innerText(),
    /** What screen readers are told. */
    status: () => page.locator("#live").textContent(),
    /** The names of the zones that are not dimmed. */
    rooms: () => page.locator(".room:not(.dim) .name").allTextContents(),
    /** Keeps a picture for somebody to look at. */
    picture: async (name) => { if (pictures) await page.screenshot({ path: path.join(pictures, name + ".png") }); },
    /** What axe-core finds against: nothing, if all is well. */
    async barriers() {
      await page.evaluate(await axeSource());
      return page.evaluate(async () => (await globalThis.axe.run()).violations.map((v) =>
        `${v.id}: ${v.help}: ${v.nodes.slice(0, 3).map((n) => `${n.html.slice(0, 160)} ${n.failureSummary}`).join(" | ")}`));
    },
    /** How many rules axe-core had something to say about: with none, it looked at nothing. */
    rulesTried: () => page.evaluate(async () => (await globalThis.axe.run()).passes.length),
  };
}

let source;
async function axeSource() {
  source ??= await (await import("node:fs/promises")).readFile(axeFile, "utf8");
  return source + ";0";
}
