// Pointing at runs: the nearest line or dot lights up everywhere, is told, and opens on click.

function lit(runs) {
  unlit();
  for (const run of runs) {
    for (const node of document.querySelectorAll(`[data-run~="${run.place}"]`)) {
      node.classList.add("lit");
      if (node.classList.contains("curve")) node.parentNode.append(node); // above the others
    }
  }
}

function unlit() {
  for (const node of document.querySelectorAll(".lit")) node.classList.remove("lit");
}

function segmentDistance(px, py, ax, ay, bx, by) {
  const [dx, dy] = [bx - ax, by - ay];
  const share = Math.max(0, Math.min(1, ((px - ax) * dx + (py - ay) * dy) / (dx * dx + dy * dy || 1)));
  return (px - ax - share * dx) ** 2 + (py - ay - share * dy) ** 2;
}

// The series and point nearest to a place of the drawing, or null when none is near.
function nearest(series, x, y, reach) {
  let best = null;
  let least = reach * reach;
  series.forEach((one, s) => {
    for (let k = 0; k < one.xs.length; k += 1) {
      const next = Math.min(k + 1, one.xs.length - 1);
      const away = segmentDistance(x, y, one.xs[k], one.ys[k], one.xs[next], one.ys[next]);
      if (away >= least) continue;
      least = away;
      best = [s, Math.abs(one.xs[next] - x) < Math.abs(one.xs[k] - x) ? next : k];
    }
  });
  return best;
}

// series: [{run, xs, ys, tell(point)}], in the drawing's own units.
function watch(chart, series, openRun) {
  const { node, width } = chart;
  const cursor = shape("circle", { class: "cursor", r: 5, visibility: "hidden" });
  node.append(cursor);
  let at = null;
  let waiting = null;

  const spot = (event) => {
    const box = node.getBoundingClientRect();
    const scale = width / box.width;
    return nearest(series, (event.clientX - box.left) * scale, (event.clientY - box.top) * scale, 40);
  };
  const leave = () => {
    at = null;
    cursor.setAttribute("visibility", "hidden");
    byId("tip").hidden = true;
    unlit();
  };
  const go = (place, spoken) => {
    if (!place) { leave(); return; }
    at = place;
    const one = series[at[0]];
    const [x, y] = [one.xs[at[1]], one.ys[at[1]]];
    filled(cursor, { cx: x, cy: y, visibility: "visible" }, []);
    lit([one.run]);
    const box = node.getBoundingClientRect();
    const scale = box.width / width;
    const lines = one.tell(at[1]);
    tip(lines, box.left + x * scale, box.top + y * scale);
    if (spoken) byId("spoken").textContent = lines.join(", ");
  };
  const step = (series_, point) => {
    if (!at) { go([0, 0], true); return; }
    const single = series[at[0]].xs.length === 1;
    const s = Math.max(0, Math.min(series.length - 1, at[0] + series_ + (single ? point : 0)));
    const last = series[s].xs.length - 1;
    go([s, Math.max(0, Math.min(last, at[1] + point))], true);
  };

  node.addEventListener("pointermove", (event) => {
    if (waiting === null) requestAnimationFrame(() => { go(spot(waiting)); waiting = null; });
    waiting = event;
  });
  node.addEventListener("pointerleave", () => requestAnimationFrame(leave));
  node.addEventListener("blur", leave);
  node.addEventListener("click", (event) => {
    const hit = at ?? spot(event); // what is lit is what opens; a finger lights nothing before
    if (hit) openRun(series[hit[0]].run);
  });
  node.addEventListener("keydown", (event) => {
    const moves = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
    if (moves[event.key] && series.length) step(...moves[event.key]);
    else if (event.key === "Enter" && at) openRun(series[at[0]].run);
    else if (event.key === "Escape" && at) leave();
    else return;
    event.preventDefault();
  });
}

function tip(lines, x, y) {
  const node = byId("tip");
  node.replaceChildren(el("b", {}, lines[0]), ...lines.slice(1).map((line) => el("div", {}, line)));
  node.hidden = false;
  const box = node.getBoundingClientRect();
  node.style.left = `${Math.max(4, Math.min(x + 8, innerWidth - box.width - 4))}px`;
  node.style.top = `${y - box.height - 12 < 4 ? y + 14 : y - box.height - 12}px`;
}
