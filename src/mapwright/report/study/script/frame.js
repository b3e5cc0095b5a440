// An empty chart: size, scales, grid and labels.

function frame({ width, height, left, bottom = 34, top = 8, right = 12, x, y, xTicks, yTicks, xName, label }) {
  const sx = (value) => left + ((value - x[0]) / (x[1] - x[0])) * (width - left - right);
  const sy = (value) => height - bottom - ((value - y[0]) / (y[1] - y[0])) * (height - top - bottom);
  const node = shape("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", tabindex: 0, "aria-label": label });
  const floor = height - bottom;
  for (const [at, text] of xTicks) {
    node.append(
      shape("line", { class: "grid", x1: sx(at), x2: sx(at), y1: top, y2: floor }),
      shape("text", { x: sx(at), y: floor + 14, "text-anchor": "middle" }, text));
  }
  for (const [at, text] of yTicks) {
    node.append(
      shape("line", { class: "grid", x1: left, x2: width - right, y1: sy(at), y2: sy(at) }),
      shape("text", { x: left - 6, y: sy(at) + 4, "text-anchor": "end" }, text));
  }
  node.append(
    shape("line", { class: "axis", x1: left, x2: width - right, y1: floor, y2: floor }),
    shape("text", { x: (left + width - right) / 2, y: height - 4, "text-anchor": "middle" }, xName));
  return { node, sx, sy, width, height };
}

// How wide one panel of a host will be, and how many stand side by side.
function panelWidth(host, count) {
  const room = host.clientWidth || 900;
  const side = Math.max(1, Math.min(count, Math.floor((room + 22) / 454)));
  host.classList.toggle("one", side === 1);
  return Math.max(260, Math.floor((room - 22 * (side - 1)) / side));
}

const panel = (title, node) => el("figure", { class: "panel" }, title ? el("figcaption", {}, title) : null, node);
