// The bar above the charts: by what runs are coloured and split, and which are shown.

function drawControls(redraw) {
  const names = DIMENSIONS.map((entry, k) => [k, entry.name]);
  const choose = (key) => (value) => { state[key] = value; redraw(); };
  const row = el("div", { class: "row" },
    chosen("Colour by", [[-1, "nothing"], ...names], state.color, choose("color")),
    chosen("Panels by", [[-1, "nothing"], ...names], state.facet, choose("facet")),
    el("span", { class: "soft" }, DIMENSIONS.length ? "Show only:" : ""),
    ...DIMENSIONS.map((entry, k) => menu(entry, k, redraw)),
    el("button", { type: "button", class: "reset", click: () => reset(redraw) }, "Show all"));
  byId("controls").replaceChildren(row, el("ul", { class: "key-line", id: "key", "aria-label": "Colours" }));
}

function menu(entry, which, redraw) {
  const off = state.off[which];
  const summary = el("summary");
  const details = el("details", { class: "menu", "data-filter": entry.name }, summary);
  const renew = () => {
    summary.textContent = off.size
      ? `${entry.name}: ${entry.values.length - off.size} of ${entry.values.length}`
      : entry.name;
    details.classList.toggle("some", off.size > 0);
  };
  const boxes = entry.values.map((text, level) =>
    ticked(text, true, (on) => {
      if (on) off.delete(level);
      else off.add(level);
      renew();
      redraw();
    }));
  const all = (on) => {
    off.clear();
    if (!on) entry.values.forEach((_, level) => off.add(level));
    boxes.forEach((box) => { box.firstChild.checked = on; });
    renew();
    redraw();
  };
  details.append(el("div", { role: "group", "aria-label": `Show only some of ${entry.name}` },
    el("div", { class: "row" },
      el("button", { type: "button", click: () => all(true) }, "all"),
      el("button", { type: "button", click: () => all(false) }, "none")),
    ...boxes));
  details.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    details.open = false;
    summary.focus();
  });
  renew();
  return details;
}

function reset(redraw) {
  state.off.forEach((off) => off.clear());
  drawControls(redraw);
  redraw();
}

function drawKey(runs) {
  const groups = grouped(runs, state.color);
  byId("key").replaceChildren(...(state.color < 0 ? [] : groups.map((group) => {
    const light = () => lit(group.runs);
    return el("li", {}, el("button", { type: "button", pointerenter: light, focus: light, pointerleave: unlit, blur: unlit },
      el("span", { class: "key", style: { background: colorOf(group.level) } }),
      `${group.name} (${group.runs.length})`));
  })));
  byId("shown").textContent = runs.length === RUNS.length
    ? `All ${plural(runs.length, "run")} shown. Point at a line, a dot or a row; click it, or press Enter on it, for settings and pictures.`
    : `${runs.length} of ${plural(RUNS.length, "run")} shown.`;
}

document.addEventListener("click", (event) => {
  for (const open of document.querySelectorAll("details.menu[open]")) {
    if (!open.contains(event.target)) open.open = false;
  }
});
