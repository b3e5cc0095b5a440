// Runs or configurations as a table that sorts and filters by text.

const table = { what: "runs", sort: 0, down: false, text: "" };

function drawTableControls(redraw) {
  const kinds = ["runs", "configurations"];
  const search = el("input", { type: "search", "aria-label": "Rows that contain", placeholder: "rows that contain …", id: "search",
    input: () => { table.text = search.value; redraw(); } });
  byId("table-controls").replaceChildren(
    chosen("Rows", kinds.map((text, k) => [k, text]), kinds.indexOf(table.what), (k) => {
      Object.assign(table, { what: kinds[k], sort: 0, down: false });
      redraw();
    }),
    search, el("span", { class: "soft", id: "table-count", role: "status" }));
}

function factorColumns(configurationOf) {
  return DATA.factors.map((factor, k) => ({
    name: factor.name,
    varies: DIMENSIONS.some((entry) => entry.kind === "factor" && entry.name === factor.name),
    value: (row) => {
      const configuration = DATA.configurations[configurationOf(row)];
      const own = configuration.settings.find(([name]) => name === factor.name);
      return own ? own[1] : factor.levels[configuration.levels[k]] ?? "–";
    },
  })).filter((column) => column.varies);
}

const numeric = (name, value, text = shown) => ({ name, value, text, number: true });
const score = (name, value) => numeric(name, value, scoreText);

function runColumns() {
  return [
    { name: "run", value: (run) => run.id, open: true },
    { name: "configuration", value: labelOf, long: true },
    ...factorColumns((run) => run.configuration),
    ...["seed", "repeat", "fold"].filter(varies).map((key) => ({ name: key, value: (run) => run[key] })),
    { name: "status", value: (run) => run.status, status: true },
    ...DATA.metrics.map((name, k) => score(name, (run) => run.scores[k])),
    numeric("time", (run) => run.seconds, lasted),
    numeric("steps", (run) => run.steps),
  ];
}

function configurationRows(runs) {
  const rows = DATA.configurations.map((_, place) => ({ place, runs: [] }));
  for (const run of runs) rows[run.configuration].runs.push(run);
  return rows.filter((row) => row.runs.length);
}

function configurationColumns() {
  const values = (row) => row.runs.map((run) => run.scores[state.score]).filter((v) => v !== null && v !== undefined);
  const of = (measure) => (row) => (values(row).length ? measure(values(row).sort((a, b) => a - b)) : null);
  const mean = (found) => found.reduce((a, b) => a + b, 0) / found.length;
  const spread = (found) => (found.length < 2 ? null : Math.sqrt(found.reduce((a, v) => a + (v - mean(found)) ** 2, 0) / (found.length - 1)));
  const metric = DATA.metrics[state.score] ?? DATA.metric;
  return [
    { name: "configuration", value: (row) => DATA.configurations[row.place].label, open: true, long: true },
    ...factorColumns((row) => row.place),
    numeric("runs", (row) => row.runs.length),
    numeric("done", (row) => row.runs.filter((run) => run.status === "done").length),
    score(`${metric}, mean`, of(mean)),
    score("deviation", of(spread)),
    score("lowest", of((found) => found[0])),
    score("highest", of((found) => found[found.length - 1])),
  ];
}

function sorted(rows, column) {
  const filled_ = rows.filter((row) => (column.value(row) ?? null) !== null);
  const compare = column.number ? (a, b) => column.value(a) - column.value(b) : (a, b) => compareText(column.value(a), column.value(b));
  filled_.sort(table.down ? (a, b) => compare(b, a) : compare);
  return [...filled_, ...rows.filter((row) => (column.value(row) ?? null) === null)];
}

function drawTable(runs) {
  const whole = table.what === "runs";
  const columns = whole ? runColumns() : configurationColumns();
  table.sort = Math.min(table.sort, columns.length - 1);
  const cells = (row) => columns.map((column) => (column.text ? column.text(column.value(row) ?? null) : column.value(row)));
  const wanted = table.text.trim().toLowerCase().split(/\s+/);
  const all = whole ? runs : configurationRows(runs);
  const rows = sorted(all, columns[table.sort]).map((row) => [row, cells(row)])
    .filter(([, texts]) => wanted.every((word) => texts.join("\n").toLowerCase().includes(word)));
  byId("table-count").textContent = `${rows.length} of ${plural(all.length, table.what.slice(0, -1))}`;
  byId("table").replaceChildren(
    el("thead", {}, el("tr", {}, ...columns.map((column, k) => heading(column, k, runs)))),
    el("tbody", {}, ...rows.map(([row, texts]) => rowOf(row, texts, columns, whole ? row : row.runs[0], whole))));
}

function heading(column, k, runs) {
  const now = table.sort === k;
  const sign = !now ? "" : table.down ? " ▼" : " ▲";
  return el("th", { scope: "col", class: column.number ? "n" : null, "aria-sort": !now ? null : table.down ? "descending" : "ascending" },
    el("button", { type: "button", click: () => {
      Object.assign(table, { sort: k, down: now ? !table.down : Boolean(column.number) });
      drawTable(runs);
      byId("table").querySelectorAll("th button")[k].focus();
    } }, column.name + sign));
}

function rowOf(row, texts, columns, run, whole) {
  const attributes = whole
    ? { "data-run": run.place, click: () => openRun(run), pointerenter: () => lit([run]), pointerleave: unlit }
    : { click: () => openRun(run), pointerenter: () => lit(row.runs), pointerleave: unlit };
  return el("tr", attributes, ...texts.map((text, k) => {
    const column = columns[k];
    const kind = [column.number ? "n" : "", column.long ? "label" : "", column.status ? `status ${row.status}` : ""].join(" ").trim();
    return el("td", { class: kind || null }, column.open ? el("button", { type: "button" }, text) : text);
  }));
}
