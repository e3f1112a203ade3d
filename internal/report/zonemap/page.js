"use strict";
(function () {
  const data = JSON.parse(document.getElementById("data").textContent);
  const $ = (id) => document.getElementById(id);
  const map = $("map"), details = $("details"), tables = $("tables"), live = $("live");
  const rooms = [...map.querySelectorAll("[data-room]")], arrows = [...map.querySelectorAll("[data-arrow]")], ways = [...map.querySelectorAll("[data-way]")];
  const words = { enforced: "enforced", observed: "observed", problem: "PROBLEM", opening: "OPENING", peer: "peer", waiting: "not in force" };
  const PAGE = 100;

  // One line of text a device, a zone and an arrow: what search looks in.
  const devices = [];
  data.rooms.forEach((r, i) => (r.classes || []).forEach((c, k) => (c.devices || []).forEach((d) =>
    devices.push({ room: i, cls: k, d, text: (d.join(" ") + " " + r.name).toLowerCase() }))));
  const roomText = data.rooms.map((r) => [r.name, r.role, r.owner, r.description, ...r.members].join(" ").toLowerCase());
  const arrowText = data.arrows.map((a) => [a.from, a.to, ...a.conduits.flatMap((c) => [c.name, c.purpose, ...c.services])].join(" ").toLowerCase());

  function el(tag, text, attributes) {
    const e = document.createElement(tag);
    if (text !== undefined) e.textContent = text;
    for (const [k, v] of Object.entries(attributes || {})) e.setAttribute(k, v);
    return e;
  }
  const count = (n, what) => n + " " + what + (n === 1 ? "" : "s");
  function act(text, go) { const b = el("button", text, { type: "button" }); b.addEventListener("click", go); return b; }
  function table(caption, head, rows) {
    const t = el("table"); t.append(el("caption", caption));
    const h = t.createTHead().insertRow(); head.forEach((x) => h.append(el("th", x, { scope: "col" })));
    const body = t.createTBody();
    rows.forEach((row) => { const tr = body.insertRow(); row.forEach((c) => { const td = tr.insertCell(); if (c instanceof Node) td.append(c); else td.textContent = c; }); });
    return t;
  }

  // What is shown: by search and the three filters.
  let found = { rooms: new Set(), arrows: new Set(), devices: [] };
  const service = (c) => c.services.map((s) => s.split(" ")[0]);
  function filter() {
    const text = $("search").value.trim().toLowerCase(), zone = $("zone").value, svc = $("service").value, state = $("state").value;
    found = { rooms: new Set(), arrows: new Set(), devices: [] };
    const hits = new Set();
    for (const x of devices) if (!text || x.text.includes(text)) { found.devices.push(x); hits.add(x.room); }
    data.arrows.forEach((a, i) => {
      if (zone && a.from !== zone && a.to !== zone) return;
      if (svc && !a.conduits.some((c) => service(c).includes(svc))) return;
      if (state && !a.conduits.some((c) => c.state === state)) return;
      if (text && !arrowText[i].includes(text)) return;
      found.arrows.add(i);
    });
    const joined = new Set();
    found.arrows.forEach((i) => { joined.add(data.arrows[i].from); joined.add(data.arrows[i].to); });
    data.rooms.forEach((r, i) => {
      const named = text && (roomText[i].includes(text) || hits.has(i));
      if (zone && r.name !== zone && !joined.has(r.name)) return;
      if (svc && !joined.has(r.name)) return;
      if (state && r.state !== state && !joined.has(r.name)) return;
      if (text && !named && !joined.has(r.name)) return;
      found.rooms.add(i);
    });
    const active = text || zone || svc || state;
    rooms.forEach((g, i) => g.classList.toggle("dim", !!active && !found.rooms.has(i)));
    [arrows, ways].forEach((list) => list.forEach((g, i) => g.classList.toggle("dim", !!active && !found.arrows.has(i))));
    if (zone || svc || state) found.devices = found.devices.filter((x) => found.rooms.has(x.room));
    live.textContent = [count(found.rooms.size, "zone"), count(found.arrows.size, "arrow"), count(found.devices.length, "device")].join(", ");
    page = 0;
    if (!tables.hidden) drawTables();
    if (text && found.devices.length && found.devices.length <= 20) listDevices(found.devices);
  }

  function open(title, close) {
    details.hidden = false;
    details.replaceChildren(act("Close", shut), el("h2", title, { tabindex: "-1" }));
    details.querySelector("h2").focus({ preventScroll: true });
    map.querySelectorAll(".picked").forEach((g) => g.classList.remove("picked"));
    if (close) close.classList.add("picked");
  }
  let opener = null;
  function shut() {
    details.hidden = true;
    map.querySelectorAll(".picked").forEach((g) => g.classList.remove("picked"));
    if (opener) opener.focus();
  }
  function list(title, items, cls) {
    if (!items || !items.length) return;
    const ul = el("ul", undefined, cls ? { class: cls } : {});
    items.forEach((x) => { const li = el("li"); if (x instanceof Node) li.append(x); else li.textContent = x; ul.append(li); });
    details.append(el("h3", title), ul);
  }

  function showRoom(i) {
    const r = data.rooms[i];
    open("Zone " + r.name, rooms[i]);
    details.append(el("p", r.role + ", " + words[r.state] + ", " + count(r.count, "device") + ", " + r.sustaining + " life-sustaining, " + r.phi + " with patient data"));
    if (r.description) details.append(el("p", r.description));
    if (r.owner) details.append(el("p", "Owner: " + r.owner));
    list("What the policies let pass beyond the conduits", r.open, "bad");
    list("What policies of others stop of the conduits", r.cut, "bad");
    list("Policies of others that the guard stops", r.stopped);
    list("Problems", r.problems, "bad");
    list("Members", r.members);
    list("Conduits", data.arrows.map((a, k) => [a, k]).filter(([a]) => a.from === r.name || a.to === r.name)
      .map(([a, k]) => act(a.from + " to " + a.to + " (" + a.conduits.length + ")", () => showArrow(k))));
    const own = devices.filter((x) => x.room === i);
    if (own.length) deviceTable(own, 0);
  }
  function deviceTable(own, from) {
    const old = details.querySelector(".devices"); if (old) old.remove();
    const box = el("div", undefined, { class: "devices" });
    box.append(table("Devices " + (from + 1) + " to " + Math.min(from + PAGE, own.length) + " of " + own.length, ["device", "criticality", "data"],
      own.slice(from, from + PAGE).map((x) => [act(x.d[0], () => showDevice(x)), x.d[1], x.d[2]])));
    if (from > 0) box.append(act("Previous", () => deviceTable(own, from - PAGE)));
    if (from + PAGE < own.length) box.append(act("Next", () => deviceTable(own, from + PAGE)));
    details.append(box);
  }
  function listDevices(some) { open("Devices found"); deviceTable(some, 0); $("search").focus(); }

  function showDevice(x) {
    const r = data.rooms[x.room], c = r.classes[x.cls];
    open("Device " + x.d[0], rooms[x.room]);
    details.append(el("p", "In zone "), el("p", x.d[1] + (x.d[2] ? ", patient data" : "") + (x.d[3] ? ", " + x.d[3] : "") + (x.d[4] ? ", at " + x.d[4] : "")));
    details.children[2].append(act(r.name, () => showRoom(x.room)));
    const rest = r.state === "observed" ? "All else passes for now: the zone is in Observe." : "All else is denied by the zone, where a pod is concerned.";
    for (const [dir, title] of [["from", "What may open a connection to it"], ["to", "What it may open a connection to"]]) {
      const rows = c.rows.filter((row) => row.dir === dir);
      details.append(el("h3", title));
      details.append(rows.length ? table("by conduits", ["zone", "traffic", "conduit"], rows.map((q) => [q.peer, q.permits, q.conduit])) : el("p", "Nothing, by any conduit."));
    }
    details.append(el("p", rest));
  }

  function showArrow(i) {
    const a = data.arrows[i];
    open("From " + a.from + " to " + a.to, arrows[i]);
    a.conduits.forEach((c) => {
      details.append(el("h3", c.name), el("p", c.purpose), el("p", words[c.state] + (c.phi ? ", patient data" : "") + (c.expires ? ", until " + c.expires : ", without end")));
      list("Services", c.services);
      list("Who opens", c.from); list("Who answers", c.to);
      if (c.risk) details.append(el("p", "Risk accepted: " + c.risk));
      list("Problems", c.problems, "bad");
    });
  }

  let page = 0;
  function drawTables() {
    const zones = data.rooms.map((r, i) => [r, i]).filter(([, i]) => found.rooms.has(i));
    const links = data.arrows.map((a, i) => [a, i]).filter(([, i]) => found.arrows.has(i));
    const some = found.devices.slice(page * PAGE, page * PAGE + PAGE);
    tables.replaceChildren(
      table("Zones (" + zones.length + ")", ["zone", "role", "state", "devices", "life-sustaining", "patient data"],
        zones.map(([r, i]) => [act(r.name, () => showRoom(i)), r.role, words[r.state], r.count, r.sustaining, r.phi])),
      table("Conduits (" + links.reduce((n, [a]) => n + a.conduits.length, 0) + ")", ["conduit", "from", "to", "services", "state", "purpose"],
        links.flatMap(([a, i]) => a.conduits.map((c) => [act(c.name, () => showArrow(i)), a.from, a.to, c.services.join("; "), words[c.state], c.purpose]))),
      table("Devices " + (some.length ? page * PAGE + 1 : 0) + " to " + (page * PAGE + some.length) + " of " + found.devices.length, ["device", "zone", "criticality", "data", "model", "where"],
        some.map((x) => [act(x.d[0], () => showDevice(x)), data.rooms[x.room].name, x.d[1], x.d[2], x.d[3], x.d[4]])));
    if (page > 0) tables.append(act("Previous devices", () => { page--; drawTables(); }));
    if ((page + 1) * PAGE < found.devices.length) tables.append(act("Next devices", () => { page++; drawTables(); }));
  }
  function show(asTable) {
    tables.hidden = !asTable; map.classList.toggle("away", asTable);
    $("as-table").setAttribute("aria-pressed", asTable); $("as-map").setAttribute("aria-pressed", !asTable);
    map.setAttribute("aria-hidden", asTable); if (asTable) { map.setAttribute("inert", ""); drawTables(); } else map.removeAttribute("inert");
    map.toggleAttribute("hidden", asTable);
  }

  // Zoom and pan, by wheel, drag and keys.
  const whole = map.getAttribute("viewBox").split(" ").map(Number);
  let box = whole.slice();
  const set = () => map.setAttribute("viewBox", box.join(" "));
  function zoom(by, x, y) {
    const w = Math.min(Math.max(box[2] * by, 200), whole[2] * 3), h = box[3] * (w / box[2]);
    box[0] += (box[2] - w) * x; box[1] += (box[3] - h) * y; box[2] = w; box[3] = h; set();
  }
  map.addEventListener("wheel", (e) => { e.preventDefault(); const r = map.getBoundingClientRect(); zoom(e.deltaY > 0 ? 1.15 : 0.87, (e.clientX - r.left) / r.width, (e.clientY - r.top) / r.height); }, { passive: false });
  let drag = null;
  map.addEventListener("pointerdown", (e) => { drag = { x: e.clientX, y: e.clientY, moved: false }; });
  map.addEventListener("pointermove", (e) => {
    if (!drag || !e.buttons) return;
    const r = map.getBoundingClientRect(), s = Math.max(box[2] / r.width, box[3] / r.height);
    if (Math.abs(e.clientX - drag.x) + Math.abs(e.clientY - drag.y) > 3) drag.moved = true;
    if (!drag.moved) return;
    box[0] -= (e.clientX - drag.x) * s; box[1] -= (e.clientY - drag.y) * s; drag.x = e.clientX; drag.y = e.clientY; set();
  });
  function pick(g) {
    if (g.hasAttribute("data-way")) g = arrows[+g.getAttribute("data-way")];
    opener = g;
    if (g.hasAttribute("data-room")) showRoom(+g.getAttribute("data-room")); else showArrow(+g.getAttribute("data-arrow"));
  }
  map.addEventListener("click", (e) => { const g = e.target.closest("[data-room],[data-arrow],[data-way]"); if (g && !(drag && drag.moved)) pick(g); });
  map.addEventListener("keydown", (e) => {
    const g = e.target.closest("[data-room],[data-arrow]");
    if (g && (e.key === "Enter" || e.key === " ")) { e.preventDefault(); pick(g); }
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[e.key];
    if (step) { e.preventDefault(); box[0] += step[0] * box[2] / 10; box[1] += step[1] * box[3] / 10; set(); }
  });
  // A part that is reached by Tab is brought into view.
  map.addEventListener("focusin", (e) => {
    const g = e.target.closest("[data-room],[data-arrow]"); if (!g || !g.matches(":focus-visible")) return;
    const b = g.getBBox();
    if (b.x < box[0] || b.y < box[1] || b.x + b.width > box[0] + box[2] || b.y + b.height > box[1] + box[3]) {
      box[0] = b.x + b.width / 2 - box[2] / 2; box[1] = b.y + b.height / 2 - box[3] / 2; set();
    }
  });
  document.addEventListener("keydown", (e) => {
    if (e.key === "Escape" && !details.hidden) shut();
    if (e.key === "/" && !/INPUT|SELECT/.test(document.activeElement.tagName)) { e.preventDefault(); $("search").focus(); }
  });

  function options(id, names) { names.forEach((n) => $(id).append(el("option", n, { value: n }))); }
  options("zone", data.rooms.map((r) => r.name).sort());
  options("service", [...new Set(data.arrows.flatMap((a) => a.conduits.flatMap(service)))].sort());
  ["search", "zone", "service", "state"].forEach((id) => $(id).addEventListener("input", filter));
  $("as-map").addEventListener("click", () => show(false));
  $("as-table").addEventListener("click", () => show(true));
  $("in").addEventListener("click", () => zoom(0.75, 0.5, 0.5));
  $("out").addEventListener("click", () => zoom(1.33, 0.5, 0.5));
  $("fit").addEventListener("click", () => { box = whole.slice(); set(); });
  $("theme").addEventListener("click", () => {
    const root = document.documentElement, dark = root.classList.contains("dark") || !root.classList.contains("light") && matchMedia("(prefers-color-scheme:dark)").matches;
    root.classList.toggle("dark", !dark); root.classList.toggle("light", dark);
  });
  window.addEventListener("beforeprint", drawTables);
  filter();
  document.documentElement.setAttribute("data-ready", "");
})();
