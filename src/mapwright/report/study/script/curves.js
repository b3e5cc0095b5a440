// Curves of the logs: a panel per metric and facet; validation is solid, training dashed.

const CURVES = DATA.curves;
const METRICS = [...new Set(CURVES.columns.map((column) => column.metric))];
const columnsOf = (metric) => CURVES.columns.map((c, k) => ({ ...c, place: k + 1 })).filter((c) => c.metric === metric);

// At first: what has both parts, else the first two metrics that are no setting of the training.
function firstMetrics() {
  const both = METRICS.filter((metric) => columnsOf(metric).length > 1);
  const rest = METRICS.filter((metric) => !both.includes(metric) && !/rate$/.test(metric));
  return new Set([...both, ...rest].slice(0, 2));
}
state.metrics = firstMetrics();

function drawCurveControls(redraw) {
  const set = (key) => (value) => { state[key] = value; redraw(); };
  const options = (key, texts) =>
    chosen(texts[0], texts.slice(1).map(([value, text], k) => [k, text, value]),
      texts.slice(1).findIndex(([value]) => value === state[key]), (k) => set(key)(texts[k + 1][0]));
  const amount = el("output", {}, "none");
  const slider = el("input", { type: "range", min: 0, max: 0.95, step: 0.05, value: state.smooth, id: "smooth",
    input: () => {
      amount.textContent = Number(slider.value) ? slider.value : "none";
      set("smooth")(Number(slider.value));
    } });
  byId("curve-controls").replaceChildren(
    el("fieldset", { id: "metrics" }, el("legend", {}, "Metrics "), ...METRICS.map((metric) =>
      ticked(metric, state.metrics.has(metric), (on) => {
        if (on) state.metrics.add(metric);
        else state.metrics.delete(metric);
        redraw();
      }))),
    options("part", ["Images", ["both", "training and validation"], ["training", "training only"], ["validation", "validation only"]]),
    options("lines", ["Lines", ["both", "runs and group means"], ["runs", "runs"], ["means", "group means"]]),
    el("label", {}, "Smoothing", slider, amount),
    ticked("logarithmic", state.log, set("log")));
}

function drawCurves(runs) {
  const host = byId("curves");
  const groups = grouped(runs.filter((run) => CURVES.runs[run.place]), state.facet);
  const rows = groups.length ? METRICS.filter((metric) => state.metrics.has(metric)) : [];
  // a row per metric; without facets all metrics share one
  const shared = state.facet < 0 ? [rows] : rows.map((metric) => [metric]);
  host.replaceChildren(...(rows.length ? shared : []).map((metrics) => {
    const row = el("div", { class: "panels" });
    host.append(row); // it must be in the page to know its width
    const width = panelWidth(row, metrics.length * groups.length);
    row.append(...metrics.flatMap((metric) => metricPanels(metric, groups, width)));
    return row;
  }));
  if (!rows.length) host.append(el("p", {}, groups.length ? "Choose a metric." : "None of the runs that are shown has a log."));
  byId("curve-note").textContent = rows.length ? "Solid: validation. Dashed: training. "
    + (state.lines === "runs" ? "" : "Thick: mean of a group, over the runs that have reached that step, as long as half of them have.") : "";
}

function metricPanels(metric, groups, width) {
  const columns = columnsOf(metric).filter((c) => state.part === "both" || c.part === state.part);
  const drawn = groups.map((group) => ({ ...group, lines: group.runs.flatMap((run) => columns.map((c) => lineOf(run, c)).filter(Boolean)) }));
  const all = drawn.flatMap((group) => group.lines);
  if (!all.length) return [panel(`${metric}: no such curve`, null)];
  const x = extent(all.flatMap((line) => [line.steps[0], line.steps[line.steps.length - 1]]));
  const y = extent(function* values() { for (const line of all) yield* line.values; }());
  return drawn.map((group) => {
    const facet = state.facet < 0 ? "" : ` · ${DIMENSIONS[state.facet].name}: ${group.name}`;
    return panel(metric + facet, curveChart(metric + facet, group.lines, width, x, y));
  });
}

// One curve, smoothed; on a logarithmic axis the values are powers of ten. Gaps are bridged.
function lineOf(run, column) {
  const packed = CURVES.runs[run.place];
  const raw = packed[column.place];
  if (!raw) return null;
  const grid = CURVES.grids[packed[0]];
  const [steps, values, told] = [[], [], []];
  let sum = 0;
  let weight = 0;
  raw.forEach((value, k) => {
    if (value === null || grid[k] === null || (state.log && value <= 0)) return;
    sum = sum * state.smooth + value * (1 - state.smooth);
    weight = weight * state.smooth + 1 - state.smooth;
    steps.push(grid[k]);
    values.push(state.log ? Math.log10(sum / weight) : sum / weight);
    told.push(value);
  });
  return steps.length ? { run, column, steps, values, told } : null;
}

function yTicksOf(y, height) {
  if (!state.log) return ticks(y[0], y[1], height / 45).map((at) => [at, shown(at)]);
  const whole = ticks(y[0], y[1], height / 45).filter((at) => y[1] - y[0] < 2 || Number.isInteger(at));
  return whole.map((at) => [at, shown(Number((10 ** at).toPrecision(2)))]);
}

function curveChart(label, lines, width, x, y) {
  const height = Math.round(Math.max(220, Math.min(380, width * 0.42)));
  const chart = frame({
    width, height, left: 58, x, y, xName: CURVES.axis, yTicks: yTicksOf(y, height),
    xTicks: ticks(x[0], x[1], width / 90).map((at) => [at, shown(at)]),
    label: `Curves of ${label}, ${plural(lines.length, "line")}. Arrow keys walk along and between the lines, Enter opens the run.`,
  });
  const each = shape("g", { class: state.lines === "runs" ? "" : lines.length > 100 ? "faint many" : "faint" });
  const series = state.lines === "means" ? [] : lines.map((line) => seriesOf(chart, line));
  series.forEach((one, k) => each.append(path(one, `curve ${lines[k].column.part}`, colorOf(levelOf(state.color, one.run)), one.run)));
  const means = shape("g");
  if (state.lines !== "runs") drawMeans(chart, lines, means);
  chart.node.append(each, means);
  watch(chart, series, openRun);
  return chart.node;
}

const seriesOf = (chart, line) => ({
  run: line.run,
  xs: line.steps.map(chart.sx),
  ys: line.values.map(chart.sy),
  tell: (k) => [titleOf(line.run), `${line.column.name} (${line.column.part}) ${shown(line.told[k])}`,
    ...(state.smooth ? [`smoothed ${shown(state.log ? 10 ** line.values[k] : line.values[k])}`] : []),
    `${CURVES.axis} ${shown(line.steps[k])}`],
});

function path({ xs, ys }, kind, color, run) {
  let d = "";
  for (let k = 0; k < xs.length; k += 1) d += `${k ? "L" : "M"}${Math.round(xs[k] * 10) / 10} ${Math.round(ys[k] * 10) / 10}`;
  if (xs.length === 1) d += "h.1"; // a single point is a dot
  return shape("path", { class: kind, d, "data-run": run ? run.place : null, style: { stroke: color } });
}

function drawMeans(chart, lines, layer) {
  const groups = new Map();
  for (const line of lines) {
    const key = `${levelOf(state.color, line.run)} ${line.column.part}`;
    if (!groups.has(key)) groups.set(key, []);
    groups.get(key).push(line);
  }
  for (const [key, group] of groups) {
    const [level, part] = key.split(" ");
    const mean = meanOf(group);
    const one = { xs: mean.map(([step]) => chart.sx(step)), ys: mean.map(([, value]) => chart.sy(value)) };
    if (mean.length) layer.append(path(one, `mean ${part}`, colorOf(Number(level)), null));
  }
}

function meanOf(lines) {
  const steps = [...new Set(lines.flatMap((line) => line.steps))].sort((a, b) => a - b);
  const places = lines.map(() => 0);
  const mean = [];
  for (const step of steps) {
    let [sum, count] = [0, 0];
    lines.forEach((line, k) => {
      while (places[k] < line.steps.length - 1 && line.steps[places[k] + 1] <= step) places[k] += 1;
      const value = between(line, places[k], step);
      if (value === null) return;
      sum += value;
      count += 1;
    });
    if (count * 2 >= lines.length) mean.push([step, sum / count]);
  }
  return mean;
}

function between(line, k, step) {
  const { steps, values } = line;
  if (steps[k] === step) return values[k];
  if (step < steps[k] || k === steps.length - 1) return null;
  const share = (step - steps[k]) / (steps[k + 1] - steps[k]);
  return values[k] + share * (values[k + 1] - values[k]);
}
