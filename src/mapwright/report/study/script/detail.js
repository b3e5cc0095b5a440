// One run: its settings, scores, and image by image its prediction beside the truth.

const WRONG = [232, 89, 12];
const RIGHT = [217, 222, 228];
const INVALID = [154, 154, 154];
let album = null;
let order = "worst first";

function openRun(run) {
  album ??= JSON.parse(byId("pictures").textContent);
  const dialog = byId("detail");
  dialog.replaceChildren(top_(run), ...facts(run), ...images(run));
  byId("tip").hidden = true;
  unlit();
  if (!dialog.open) dialog.showModal();
  dialog.scrollTop = 0;
}

function top_(run) {
  const siblings = RUNS.filter((other) => other.configuration === run.configuration);
  return el("header", {},
    el("div", { class: "top" },
      el("h2", { id: "detail-title" }, titleOf(run)),
      el("button", { type: "button", id: "close", click: () => byId("detail").close() }, "Close")),
    el("div", { class: "row" },
      el("span", { class: `status ${run.status}` }, run.status),
      el("span", { class: "soft" }, `run ${run.id} · ${lasted(run.seconds)} · ${run.steps === null ? "steps unknown" : `${shown(run.steps)} steps`}`),
      siblings.length < 2 ? null : chosen("Run of this configuration",
        siblings.map((other) => [other.place, cellOf(other) || other.id]), run.place, (place) => openRun(RUNS[place]))));
}

function facts(run) {
  const configuration = DATA.configurations[run.configuration];
  const set = new Map(configuration.settings);
  for (const factor of DATA.factors) if (!set.has(factor.name) && factor.default !== null) set.set(factor.name, factor.default);
  const standard = new Map(DATA.factors.map((factor) => [factor.name, factor.default]));
  const settings = [...set].map(([name, value]) => {
    const usual = standard.get(name);
    const other = usual !== null && usual !== undefined && usual !== value;
    return el("tr", {}, el("th", { scope: "row" }, name),
      el("td", { class: other ? "changed" : null }, value), el("td", { class: "soft" }, other ? `instead of ${usual}` : ""));
  });
  const scores = DATA.metrics.map((name, k) =>
    el("tr", {}, el("th", { scope: "row" }, name), el("td", { class: "n" }, scoreText(run.scores[k]))));
  return [
    run.error ? el("pre", { class: "failure" }, run.error) : null,
    el("div", { class: "columns" },
      el("div", {}, el("h3", {}, "Settings"), el("table", {}, el("tbody", {}, ...settings))),
      el("div", {}, el("h3", {}, "Scores"), el("table", {}, el("tbody", {}, ...scores)))),
  ].filter(Boolean);
}

function images(run) {
  const scored = DATA.images[run.place].map(([stem, value, ...classes]) => ({ stem, value, classes }));
  const found = scored.length ? scored : withPredictions(run).map((stem) => ({ stem, value: null, classes: [] }));
  if (!found.length) return [el("p", {}, "This run scored no image.")];
  const orders = {
    "worst first": (a, b) => (a.value ?? 9e9) - (b.value ?? 9e9),
    "best first": (a, b) => (b.value ?? -9e9) - (a.value ?? -9e9),
    "by name": (a, b) => compareText(DATA.stems[a.stem], DATA.stems[b.stem]),
  };
  const names = Object.keys(orders);
  const cards = el("div", { class: "cards-of-images" });
  const fill = () => cards.replaceChildren(...[...found].sort(orders[order]).map((entry) => card(run, entry)));
  fill();
  const kind = found.some(({ stem }) => album[stem]?.predictions[run.configuration] && album[stem]?.truth);
  return [
    el("h3", {}, plural(found.length, "image")),
    el("div", { class: "row" }, chosen("Order", names.map((text, k) => [k, text]), names.indexOf(order), (k) => { order = names[k]; fill(); })),
    kind ? el("p", { class: "soft" }, "Predictions are those of the configuration. Classes have these colours; in errors, wrong pixels are orange, right ones pale, and pixels without a label grey.") : null,
    el("ul", { class: "classes" }, ...DATA.classes.map((entry) =>
      el("li", {}, el("span", { class: "key", style: { background: entry.color } }), entry.name))),
    cards,
  ].filter(Boolean);
}

const withPredictions = (run) =>
  Object.keys(album).filter((stem) => album[stem].predictions[run.configuration]).map(Number);

function card(run, { stem, value, classes }) {
  const name = DATA.stems[stem];
  const pictures = album[stem] ?? { predictions: {} };
  const prediction = pictures.predictions[run.configuration];
  const parts = classes.map((iou, k) => (iou === null ? null : `${DATA.classes[k].name} ${shown(iou)}`)).filter(Boolean);
  const strip = [["image", pictures.image, ""], ["truth", pictures.truth, "map"], ["prediction", prediction, "map"]]
    .filter(([, uri]) => uri)
    .map(([text, uri, kind]) => el("figure", {}, el("img", { src: uri, alt: `${text} of ${name}`, class: kind }), el("figcaption", {}, text)));
  if (prediction && pictures.truth) strip.push(el("figure", {}, errors(pictures.truth, prediction, name), el("figcaption", {}, "errors")));
  return el("article", { class: "image" },
    el("h4", {}, value === null ? name : `${name}: ${DATA.metric} ${scoreText(value)}`),
    parts.length ? el("p", { class: "soft" }, `IoU: ${parts.join(", ")}`) : null,
    strip.length ? el("div", { class: "strip" }, ...strip) : null);
}

// Where truth and prediction differ, drawn when both are read; only maps of one size can differ.
function errors(truth, prediction, name) {
  const canvas = el("canvas", { class: "map", role: "img", "aria-label": `errors of ${name}`, width: 1, height: 1 });
  Promise.all([pixelsOf(truth), pixelsOf(prediction)]).then(([a, b]) => {
    if (a.width !== b.width || a.height !== b.height) return;
    Object.assign(canvas, { width: a.width, height: a.height });
    for (let k = 0; k < a.data.length; k += 4) {
      const same = [0, 1, 2].every((c) => a.data[k + c] === b.data[k + c]);
      const unknown = INVALID.every((value, c) => a.data[k + c] === value);
      a.data.set(unknown ? INVALID : same ? RIGHT : WRONG, k);
    }
    canvas.getContext("2d").putImageData(a, 0, 0);
  });
  return canvas;
}

async function pixelsOf(uri) {
  const image = new Image();
  image.src = uri;
  await image.decode();
  const canvas = el("canvas", { width: image.naturalWidth, height: image.naturalHeight });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(image, 0, 0);
  return context.getImageData(0, 0, canvas.width, canvas.height);
}
