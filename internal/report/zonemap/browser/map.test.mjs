import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import path from "node:path";
import { open, start } from "./open.mjs";

let browser;
before(async () => { browser = await start(); });
after(async () => { await browser?.close(); });

/** Asserts that a text has all of these in it. */
function has(text, ...parts) {
  for (const part of parts) assert.ok(text.includes(part), `lacks ${JSON.stringify(part)}: ${text}`);
}

describe("the hospital", () => {
  let map;
  before(async () => { map = await open(browser, "hospital"); });
  after(() => map.page.context().close());

  test("fetches nothing and complains of nothing", async () => {
    await map.picture("map-light");
    assert.equal(map.requests.length, 1, map.requests.join());
    assert.match(map.requests[0], /^file:\/\//);
    assert.deepEqual(map.complaints, []);
  });

  test("search finds a device", async () => {
    await map.page.locator("#search").fill("pump-icu-07");
    has(await map.status(), ", 1 device");
    assert.deepEqual(await map.rooms(), ["infusion"]);
    await map.page.locator("aside").getByRole("button", { name: "pump-icu-07" }).click();
    has(await map.details(), "LifeSustaining", "What may open a connection to it", "gateway-to-pumps", "TCP 3613");
    await map.picture("map-device");
    await map.page.keyboard.press("Escape");
    await map.page.locator("#search").fill("");
  });

  for (const [id, value, rooms] of [
    ["zone", "pacs", ["imaging", "pacs"]],
    ["service", "ssh", ["laboratory", "biomed-workbench"]],
    ["state", "observed", ["imaging", "pacs", "ct-vendor", "ct-vendor-updates", "site-services"]],
  ]) {
    test(`filters by ${id}`, async () => {
      const all = await map.rooms();
      await map.page.locator(`#${id}`).selectOption(value);
      assert.deepEqual(await map.rooms(), rooms);
      await map.page.locator(`#${id}`).selectOption("");
      assert.deepEqual(await map.rooms(), all);
    });
  }

  test("a click on an arrow shows its conduits", async () => {
    await map.page.locator('[aria-label^="From imaging to pacs"] .tag').first().click();
    has(await map.details(), "imaging-to-pacs", "Studies from the modalities", "dicom TCP 11112", "patient data");
    await map.page.keyboard.press("Escape");
  });

  test("a click on its line does, too", async () => {
    await map.page.locator('[data-room][aria-label*="laboratory"]').click();
    assert.ok(!(await map.details()).includes("imaging-to-pacs"), "the details of before are still there");
    const arrow = await map.page.locator('[aria-label^="From imaging to pacs"]').getAttribute("data-arrow");
    const at = await map.page.locator(`[data-way="${arrow}"] .hit`).first().evaluate((way) => {
      const where = way.getScreenCTM(), seen = (p) => document.elementFromPoint(p.x, p.y)?.closest("[data-way]")?.dataset.way;
      for (let i = 1; i < 200; i++) { // a point of the line that nothing lies over
        const p = way.getPointAtLength(way.getTotalLength() * i / 200).matrixTransform(where);
        if (seen(p) === way.closest("[data-way]").dataset.way) return { x: p.x, y: p.y };
      }
      return null;
    });
    assert.ok(at, "no point of the line can be clicked");
    await map.page.mouse.click(at.x, at.y);
    has(await map.details(), "imaging-to-pacs");
    await map.page.keyboard.press("Escape");
  });

  test("keys alone reach everything", async () => {
    const focus = (attribute) => map.page.evaluate((a) => document.activeElement.getAttribute(a), attribute);
    const box = () => map.page.locator("#map").getAttribute("viewBox");
    await map.page.locator("#theme").focus();
    await map.page.keyboard.press("Tab");
    assert.equal(await focus("data-room"), "0", "Tab does not lead to the first zone");
    await map.page.keyboard.press("Enter");
    has(await map.details(), "Zone imaging");
    await map.page.keyboard.press("Escape");
    assert.equal(await focus("data-room"), "0", "Escape does not lead back");
    const whole = await box();
    await map.page.keyboard.press("ArrowRight");
    assert.notEqual(await box(), whole, "an arrow key does not move the map");
    await map.page.keyboard.press("/");
    assert.equal(await focus("id"), "search");
    assert.equal(await map.page.locator("#search").inputValue(), "", "the slash is typed, too");
    await map.page.locator("#fit").click();
    assert.equal(await box(), whole, "the map does not come back");
  });

  test("is accessible, as map and as table, light and dark", async () => {
    assert.deepEqual(await map.barriers(), []);
    assert.ok(await map.rulesTried() > 20, "axe-core tried next to nothing");
    await map.page.locator("#as-table").click();
    await map.picture("map-table");
    assert.deepEqual(await map.barriers(), []);
    assert.equal(await map.page.locator("#tables table").nth(2).locator("tr").count(), 15);
    await map.page.locator("#tables").getByRole("button", { name: "infusion", exact: true }).first().click();
    has(await map.details(), "Zone infusion");
    await map.page.locator("#as-map").click();
    const ground = () => map.page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const light = await ground();
    await map.page.locator("#theme").click();
    await map.picture("map-dark");
    assert.notEqual(await ground(), light, "dark is as bright as light");
    assert.deepEqual(await map.barriers(), []);
  });

  test("prints", async () => {
    const file = process.env.MEDFENCE_PICTURES && path.join(process.env.MEDFENCE_PICTURES, "map.pdf");
    const pdf = await map.page.pdf({ printBackground: true, ...(file ? { path: file } : {}) });
    assert.equal(pdf.subarray(0, 4).toString(), "%PDF");
    assert.ok(pdf.length > 5000, `${pdf.length} bytes`);
  });

  test("complained of nothing until the end", () => assert.deepEqual(map.complaints, []));
});

test("a system that is dark makes the map dark", async () => {
  const ground = async (colorScheme) => {
    const { page } = await open(browser, "hospital", { colorScheme });
    const colour = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    await page.context().close();
    return colour;
  };
  assert.notEqual(await ground("dark"), await ground("light"));
});

test("a zone that somebody else's policy opens is marked, and says which one", async () => {
  const map = await open(browser, "opening");
  await map.picture("map-opening");
  const room = map.page.locator('[data-room][aria-label*="infusion"]');
  has(await room.evaluate((e) => e.outerHTML), "OPENING");
  await map.page.locator("#state").selectOption("opening");
  assert.deepEqual(await map.rooms(), ["infusion"]);
  await room.click();
  has(await map.details(), "let pass beyond the conduits", "NetworkPolicy/infusion/allow-all spec.ingress[0]");
  assert.deepEqual(await map.barriers(), []);
  await map.page.context().close();
});

test("10,000 devices in 100 zones can be used", async (t) => {
  const map = await open(browser, "large");
  t.diagnostic(`interactive after ${await map.page.evaluate(() => Math.round(performance.now()))} ms`);
  await map.picture("map-10000");
  has(await map.status(), "10000 devices");
  await map.page.locator("#search").fill("zone-42/d-17");
  has(await map.status(), ", 1 device");
  has(await map.details(), "zone-42/d-17");
  await map.page.locator("#as-table").click();
  const rows = await map.page.locator("#tables tr").count();
  assert.ok(rows < 700, `the table shows ${rows} rows at once`);
  assert.deepEqual(map.complaints, []);
  await map.page.context().close();
});
