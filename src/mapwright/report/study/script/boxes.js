// Box plots of a score, one row per level; lines join runs that differ in nothing else.

function drawBoxControls(redraw) {
  byId("box-controls").replaceChildren(
    chosen("Score", DATA.metrics.map((name, k) => [k, name]), state.score, (k) => { state.score = k; redraw(); }),
    ticked("join pairs", state.pairs, (on) => { state.pairs = on; redraw(); }));
}

function drawBoxes(runs) {
  const host = byId("boxes");
  const scored = runs.filter((run) => run.scores[state.score] !== null && run.scores.length);
  if (!scored.length) {
    host.replaceChildren(el("p", {}, "None of the runs that are shown has a score."));
    byId("box-note").textContent = "";
    return;
  }
  const panels = grouped(scored, state.facet);
  const width = panelWidth(host, panels.length);
  const x = extent(scored.map((run) => run.scores[state.score]));
  host.replaceChildren(...panels.map((group) => {
    const title = state.facet < 0 ? "" : `${DIMENSIONS[state.facet].name}: ${group.name}`;
    return panel(title, boxChart(group.runs, width, x, title));
  }));
  byId("box-note").textContent = "A dot is a run. Thick line: median; box: middle half of the runs, from three on; "
    + "thin line: lowest to highest." + (state.pairs && state.color >= 0
    ? ` Grey lines join runs that differ in ${DIMENSIONS[state.color].name} alone.` : "");
}

function boxChart(runs, width, x, title) {
  const groups = grouped(runs, state.color);
  const row = groups.length > 10 ? 38 : 52;
  const longest = Math.max(14, ...groups.map((group) => group.name.length));
  const left = Math.round(Math.min(longest * 7 + 18, 220, width * 0.38));
  const metric = DATA.metrics[state.score];
  const label = `${title} Box plots of ${metric}. ${groups.map((g) => summary(g)).join("; ")}. Arrow keys walk through the runs, Enter opens one.`;
  const chart = frame({
    width, height: groups.length * row + 44, left, x, y: [groups.length, 0], yTicks: [],
    xTicks: ticks(x[0], x[1], Math.max(2, (width - left) / 75)).map((at) => [at, shown(at)]), xName: metric, label,
  });
  const layers = ["pairs", "boxes", "dots"].map((name) => shape("g", { class: name }));
  const series = groups.flatMap((group, k) => drawGroup(chart, group, k, left, layers));
  if (state.pairs && state.color >= 0) joinPairs(series, layers[0]);
  chart.node.append(...layers);
  watch(chart, series, openRun);
  return chart.node;
}

function summary(group) {
  const values = scoresOf(group.runs);
  return `${group.name}: median ${scoreText(quantile(values, 0.5))}, ${plural(values.length, "run")}`;
}

const scoresOf = (runs) => runs.map((run) => run.scores[state.score]).sort((a, b) => a - b);

function drawGroup(chart, group, k, left, [, boxes, dots]) {
  const values = scoresOf(group.runs);
  const [low, q1, median, q3, high] = [0, 0.25, 0.5, 0.75, 1].map((share) => chart.sx(quantile(values, share)));
  const [middle, color] = [chart.sy(k + 0.5), colorOf(group.level)];
  const half = Math.abs(chart.sy(1) - chart.sy(0)) * 0.3;
  boxes.append(
    shape("line", { class: "whisker", x1: low, x2: high, y1: middle, y2: middle, style: { stroke: color } }),
    values.length < 3 ? null : shape("rect", { class: "box", x: q1, y: middle - half, width: q3 - q1, height: 2 * half, style: { fill: color, stroke: color } }),
    shape("line", { class: "median", x1: median, x2: median, y1: middle - half, y2: middle + half, style: { stroke: color } }),
    shape("text", { class: "name", x: left - 8, y: middle - 1, "text-anchor": "end" },
      shape("title", {}, group.name), shortened(group.name, Math.floor(left / 6.6))),
    shape("text", { x: left - 8, y: middle + 12, "text-anchor": "end" },
      `${scoreText(quantile(values, 0.5))}, ${plural(values.length, "run")}`));
  const sorted = [...group.runs].sort((a, b) => a.scores[state.score] - b.scores[state.score]);
  return sorted.map((run) => {
    const shift = ((hashed(pairOf(run)) % 997) / 997 - 0.5) * 1.5 * half; // pairs keep their lane
    const [cx, cy] = [chart.sx(run.scores[state.score]), middle + shift];
    dots.append(shape("circle", { class: "dot", "data-run": run.place, cx, cy, r: 4, style: { fill: color } }));
    return {
      run, xs: [cx], ys: [cy], level: group.level,
      tell: () => [titleOf(run), `${DATA.metrics[state.score]} ${scoreText(run.scores[state.score])}`],
    };
  });
}

function hashed(text) {
  let sum = 7;
  for (let k = 0; k < text.length; k += 1) sum = (sum * 31 + text.charCodeAt(k)) % 1000003;
  return sum;
}

// One line per pair, through as many levels as it has, so that pointing at a run lights all of it.
function joinPairs(series, layer) {
  const pairs = new Map();
  for (const one of series) {
    const key = pairOf(one.run);
    const chain = pairs.get(key) ?? [];
    if (chain.at(-1)?.level !== one.level) pairs.set(key, [...chain, one]);
  }
  for (const chain of pairs.values()) {
    if (chain.length < 2) continue;
    const points = chain.map((one) => `${one.xs[0].toFixed(1)},${one.ys[0].toFixed(1)}`).join(" ");
    layer.append(shape("polyline", { class: "pair", "data-run": chain.map((one) => one.run.place).join(" "), points }));
  }
}
