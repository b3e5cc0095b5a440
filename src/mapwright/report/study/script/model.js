// What is known, and what is chosen: by which dimension runs are grouped, which ones are shown.

const DATA = JSON.parse(byId("data").textContent);
const RUNS = DATA.runs;
const compareText = new Intl.Collator("en", { numeric: true }).compare;
RUNS.forEach((run, place) => { run.place = place; });

function dimension(name, kind, values, read) {
  const present = new Set(RUNS.map(read));
  const used = values.map((text, at) => [text, at]).filter(([, at]) => present.has(at));
  const place = new Map(used.map(([, at], k) => [at, k]));
  const texts = used.map(([text]) => text);
  if (present.has(-1)) texts.push("not set");
  return { name, kind, values: texts, of: (run) => place.get(read(run)) ?? texts.length - 1 };
}

function counted(key) {
  const values = [...new Set(RUNS.map((run) => run[key]))];
  if (key !== "status") values.sort(compareText);
  const place = new Map(values.map((value, k) => [value, k]));
  return dimension(key, key, values, (run) => place.get(run[key]));
}

const DIMENSIONS = [
  ...DATA.factors.map((factor, k) =>
    dimension(factor.name, "factor", factor.levels, (run) => DATA.configurations[run.configuration].levels[k])),
  dimension("configuration", "configuration", DATA.configurations.map((c) => c.label), (run) => run.configuration),
  ...["seed", "repeat", "fold", "status"].map(counted),
].filter((entry) => entry.values.length > 1);

const state = {
  color: DIMENSIONS.length ? 0 : -1,
  facet: -1,
  off: DIMENSIONS.map(() => new Set()),
  score: Math.max(0, DATA.metrics.indexOf(DATA.metric)),
  pairs: true,
  metrics: new Set(),
  part: "both",
  lines: "both",
  smooth: 0,
  log: false,
};

const visible = () =>
  RUNS.filter((run) => DIMENSIONS.every((entry, k) => !state.off[k].has(entry.of(run))));

const levelOf = (which, run) => (which < 0 ? 0 : DIMENSIONS[which].of(run));
const levelsOf = (which) => (which < 0 ? ["all runs"] : DIMENSIONS[which].values);

function colorOf(level) {
  const count = levelsOf(state.color).length;
  if (count <= 8) return `var(--c${level + 1})`;
  return `color-mix(in oklch, var(--c1), var(--c2) ${Math.round((100 * level) / (count - 1))}%)`;
}

function grouped(runs, which) {
  const groups = levelsOf(which).map((name, level) => ({ name, level, runs: [] }));
  for (const run of runs) groups[levelOf(which, run)].runs.push(run);
  return groups.filter((group) => group.runs.length);
}

const labelOf = (run) => DATA.configurations[run.configuration].label;
const varies = (kind) => DIMENSIONS.some((entry) => entry.kind === kind);
const cellOf = (run) =>
  ["seed", "repeat", "fold"]
    .filter(varies)
    .map((key) => `${key} ${run[key]}`)
    .join(", ");
const titleOf = (run) => [labelOf(run), cellOf(run)].filter(Boolean).join(" · ");

// Runs of one pair differ in the coloured dimension alone.
function pairOf(run) {
  const entry = DIMENSIONS[state.color];
  const levels = DATA.factors.map((factor, k) =>
    entry?.kind === "factor" && factor.name === entry.name ? "" : DATA.configurations[run.configuration].levels[k]);
  const settings = entry?.kind === "configuration" ? "" : levels.join();
  const cell = ["seed", "repeat", "fold"].map((key) => (entry?.kind === key ? "" : run[key]));
  return [settings, ...cell].join("|");
}
