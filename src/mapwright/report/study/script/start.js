// The first drawing, and what makes the page draw again.

function drawAll() {
  const runs = visible();
  drawKey(runs);
  drawBoxes(runs);
  drawCurves(runs);
  drawTable(runs);
}

function startTheme() {
  const button = byId("theme");
  const system = matchMedia("(prefers-color-scheme: dark)");
  const renew = () => {
    const set = document.documentElement.dataset.theme;
    const dark = set ? set === "dark" : system.matches;
    button.textContent = dark ? "Light page" : "Dark page";
    return dark;
  };
  button.addEventListener("click", () => {
    document.documentElement.dataset.theme = renew() ? "light" : "dark";
    renew();
  });
  system.addEventListener("change", renew);
  renew();
}

function startResize() {
  let width = innerWidth;
  let waiting = 0;
  addEventListener("resize", () => {
    if (innerWidth === width) return; // a phone's bars come and go
    width = innerWidth;
    clearTimeout(waiting);
    waiting = setTimeout(drawAll, 120);
  });
}

document.documentElement.classList.add("scripted");
startTheme();
if (RUNS.length) {
  drawControls(drawAll);
  drawBoxControls(drawAll);
  drawCurveControls(() => drawCurves(visible()));
  drawTableControls(() => drawTable(visible()));
  drawAll();
  startResize();
} else {
  byId("explore").replaceChildren(el("h2", {}, "Look at the runs"), el("p", {}, "The study has no run yet."));
}
byId("detail").addEventListener("click", ({ target, clientX, clientY }) => {
  const box = byId("detail").getBoundingClientRect();
  const inside = clientX >= box.left && clientX <= box.right && clientY >= box.top && clientY <= box.bottom;
  if (target === byId("detail") && !inside) target.close();
});
document.documentElement.dataset.ready = String(Math.round(performance.now()));
