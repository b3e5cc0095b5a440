// Small parts: elements, numbers in words, ticks. Text from the study only ever becomes text nodes.

const SVG = "http://www.w3.org/2000/svg";
const byId = (id) => document.getElementById(id);

function filled(node, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") node.addEventListener(key, value);
    else if (key === "style") for (const [k, v] of Object.entries(value)) node.style.setProperty(k, v);
    else node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null));
  return node;
}
const el = (tag, attributes = {}, ...children) =>
  filled(document.createElement(tag), attributes, children);
const shape = (tag, attributes = {}, ...children) =>
  filled(document.createElementNS(SVG, tag), attributes, children);

function chosen(name, options, current, change) {
  const select = el("select", { change: () => change(Number(select.value)) });
  for (const [value, text] of options) {
    select.append(el("option", { value, selected: value === current }, text));
  }
  return el("label", {}, name, select);
}

function ticked(text, checked, change) {
  const box = el("input", { type: "checkbox", change: () => change(box.checked) });
  box.checked = checked;
  return el("label", {}, box, text);
}

function shown(value) {
  if (value === null || value === undefined) return "–";
  const size = Math.abs(value);
  if (Number.isInteger(value) && size < 1e9) return value.toLocaleString("en");
  return size >= 1e-3 && size < 1e6 ? String(Number(value.toPrecision(4))) : value.toExponential(2);
}

// Scores stand below each other: as many places for all.
const scoreText = (value) =>
  (value === null || value === undefined ? "–" : Math.abs(value) < 100 ? value.toFixed(4) : shown(value));

function lasted(seconds) {
  if (seconds === null) return "–";
  if (seconds < 60) return `${Number(seconds.toPrecision(2))} s`;
  const minutes = seconds / 60;
  return minutes < 60 ? `${minutes.toFixed(1)} min` : `${(minutes / 60).toFixed(1)} h`;
}

const shortened = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);
const plural = (count, noun) => `${count} ${noun}${count === 1 ? "" : "s"}`;

function ticks(low, high, about) {
  const rough = (high - low) / about || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((k) => k * power).find((k) => k >= rough * 0.999);
  const found = [];
  for (let k = Math.ceil(low / step - 1e-6); k * step <= high + step * 1e-6; k += 1) {
    found.push(Number((k * step).toPrecision(12)));
  }
  return found;
}

function extent(values) {
  let low = Infinity;
  let high = -Infinity;
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  if (low > high) return [0, 1];
  const margin = (high - low) * 0.04 || Math.abs(high) * 0.05 || 0.5;
  return [low - margin, high + margin];
}

function quantile(sorted, share) {
  const at = (sorted.length - 1) * share;
  const below = Math.floor(at);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below] + (sorted[above] - sorted[below]) * (at - below);
}
