// Charts: each is a function of its width that returns an SVG element, drawn again when its place changes size.

const MARGIN = { left: 64, right: 22, top: 12, bottom: 44 };
const DASHES = ["", "7 4", "2 3", "9 3 2 3"];
const NUM_COLOURS = 8;

function colourOf(solver) {
  return `var(--series-${solver % NUM_COLOURS})`;
}

function dashOf(solver) {
  return DASHES[Math.floor(solver / NUM_COLOURS) % DASHES.length] || null;
}

/** Outline of a solver's mark around (x, y): colour is never the only difference. */
function markPath(solver, x, y, r = 4) {
  const points = {
    square: [[-1, -1], [1, -1], [1, 1], [-1, 1]],
    up: [[0, -1.25], [1.15, 0.9], [-1.15, 0.9]],
    diamond: [[0, -1.4], [1.4, 0], [0, 1.4], [-1.4, 0]],
    down: [[0, 1.25], [1.15, -0.9], [-1.15, -0.9]],
    plus: [[-0.4, -1.3], [0.4, -1.3], [0.4, -0.4], [1.3, -0.4], [1.3, 0.4], [0.4, 0.4], [0.4, 1.3], [-0.4, 1.3],
      [-0.4, 0.4], [-1.3, 0.4], [-1.3, -0.4], [-0.4, -0.4]],
  };
  const shapes = ["circle", ...Object.keys(points)];
  const shape = shapes[solver % shapes.length];
  if (shape === "circle") return `M${x - r},${y}a${r},${r} 0 1 0 ${2 * r},0a${r},${r} 0 1 0 ${-2 * r},0z`;
  return `M${points[shape].map(([dx, dy]) => `${(x + r * dx).toFixed(1)},${(y + r * dy).toFixed(1)}`).join("L")}z`;
}

/** Small drawing of a solver's line and mark for legends and tables. */
function swatch(solver) {
  return svg(
    "svg",
    { class: "swatch", viewBox: "0 0 28 12", "aria-hidden": "true" },
    svg("path", { d: "M1,6H27", stroke: colourOf(solver), "stroke-width": 2, "stroke-dasharray": dashOf(solver) }),
    svg("path", { d: markPath(solver, 14, 6, 4), fill: colourOf(solver) }),
  );
}

/** Empty chart with grid, ticks and axis titles. */
function frame({ width, height, x, y, xTitle, yTitle, label, margin = MARGIN }) {
  const right = width - margin.right;
  const bottom = height - margin.bottom;
  const root = svg("svg", { class: "chart", width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label });
  for (const { at, text } of y.ticks) {
    root.append(svg("line", { class: "grid", x1: margin.left, x2: right, y1: at, y2: at }));
    root.append(svg("text", { x: margin.left - 8, y: at + 4, "text-anchor": "end" }, text));
  }
  for (const { at, text } of x.ticks) {
    root.append(svg("line", { class: "grid", x1: at, x2: at, y1: margin.top, y2: bottom }));
    root.append(svg("text", { x: at, y: bottom + 17, "text-anchor": "middle" }, text));
  }
  root.append(svg("line", { class: "axis", x1: margin.left, x2: right, y1: bottom, y2: bottom }));
  root.append(svg("text", { class: "title", x: (margin.left + right) / 2, y: height - 6, "text-anchor": "middle" }, xTitle));
  const middle = (margin.top + bottom) / 2;
  root.append(
    svg("text", { class: "title", transform: `translate(13 ${middle}) rotate(-90)`, "text-anchor": "middle" }, yTitle),
  );
  return root;
}

/** Value of a step function, given as points in order of x, at one place; null before its first point. */
function stepAt(points, place) {
  let low = 0;
  let high = points.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (points[middle][0] <= place) low = middle + 1;
    else high = middle;
  }
  return low === 0 ? null : points[low - 1][1];
}

function stepPath(points, x, y, end) {
  let path = "";
  for (const [at, value] of points) {
    path += path ? `H${x(at).toFixed(1)}V${y(value).toFixed(1)}` : `M${x(at).toFixed(1)},${y(value).toFixed(1)}`;
  }
  return path && `${path}H${x(end).toFixed(1)}`;
}

/**
 * Step curves, one per series {solver, points, dashed, faint, strong, name}, with a reading line under the pointer.
 * `tip` shows text beside the pointer.
 */
function stepChart({ width, height = 320, x, y, end, series, xTitle, yTitle, label, readX, readY, tip }) {
  const root = frame({ width, height, x, y, xTitle, yTitle, label });
  for (const one of series) {
    const style = {
      class: ["curve", one.faint && "faint", one.strong && "strong"].filter(Boolean).join(" "),
      stroke: colourOf(one.solver),
      "stroke-dasharray": one.dashed ? "4 4" : dashOf(one.solver),
    };
    root.append(svg("path", { ...style, d: stepPath(one.points, x, y, end) }));
  }
  const line = svg("line", { class: "reading", y1: MARGIN.top, y2: height - MARGIN.bottom, visibility: "hidden" });
  root.append(line);
  root.addEventListener("pointermove", (event) => {
    const left = event.clientX - root.getBoundingClientRect().left;
    if (left < MARGIN.left || left > width - MARGIN.right) return;
    const place = x.invert(left);
    line.setAttribute("x1", left);
    line.setAttribute("x2", left);
    line.setAttribute("visibility", "visible");
    const rows = series
      .filter((one) => !one.faint)
      .map((one) => ({ ...one, value: stepAt(one.points, place) }))
      .filter((one) => one.value !== null)
      .sort((a, b) => a.value - b.value)
      .slice(0, 12)
      .map((one) => html("div", {}, swatch(one.solver), `${one.name}: ${readY(one.value)}`));
    tip.show(event, html("b", {}, readX(place)), ...rows);
  });
  root.addEventListener("pointerleave", () => {
    line.setAttribute("visibility", "hidden");
    tip.hide();
  });
  return root;
}

/** Gap against the time of the best solution, one mark per run; runs without one stand in a band of their own above. */
function scatterChart({ width, height = 360, runs, timeOf, solverOf, textOf, onPick, tip }) {
  const band = 46;
  const margin = { ...MARGIN, top: MARGIN.top + band };
  const times = runs.map(timeOf).filter((time) => time !== null);
  const x = timeScale(least(times), most(times), margin.left + 8, width - margin.right - 8);
  const high = most(runs.filter((run) => run.objective !== null).map((run) => run.gap));
  const y = gapScale(height - margin.bottom, margin.top + 8, { high });
  const label = "Gap and time of the best solution of each run; runs without one in the band at the top";
  const root = frame({ width, height, x, y, margin, xTitle: "time of the best solution; without one, end of the run", yTitle: "gap", label });
  const box = { x: margin.left, y: MARGIN.top, width: width - margin.left - margin.right, height: band - 6 };
  root.append(svg("rect", { class: "band", ...box }));
  root.append(svg("text", { class: "band-title", x: margin.left + 8, y: MARGIN.top + 14 }, "no solution"));
  const marks = runs.map((run, i) => {
    const jitter = ((i * 7919) % 17) - 8; // equal times in the band would hide each other
    const time = timeOf(run);
    return { run, x: time === null ? margin.left : x(time), y: run.objective === null ? MARGIN.top + 24 + jitter : y(Math.max(run.gap, 0)) };
  });
  const paths = new Map();
  for (const mark of marks) {
    const key = `${solverOf(mark.run)}${mark.run.failure ? " failed" : ""}`;
    const failed = mark.run.failure !== null;
    const cross = `M${mark.x - 4},${mark.y - 4}l8,8m0,-8l-8,8`;
    const outline = failed ? cross : markPath(solverOf(mark.run), mark.x, mark.y, 3.6);
    paths.set(key, (paths.get(key) || "") + outline);
  }
  for (const [key, d] of paths) {
    const colour = colourOf(parseInt(key, 10));
    const failed = key.endsWith("failed");
    root.append(svg("path", failed ? { class: "failed", d, stroke: colour } : { class: "mark", d, fill: colour }));
  }
  const ring = svg("circle", { class: "ring", r: 8, visibility: "hidden" });
  root.append(ring);
  const nearest = (event) => {
    const place = root.getBoundingClientRect();
    let best = null;
    let closest = 20 ** 2;
    for (const mark of marks) {
      const distance = (mark.x - event.clientX + place.left) ** 2 + (mark.y - event.clientY + place.top) ** 2;
      if (distance < closest) [best, closest] = [mark, distance];
    }
    return best;
  };
  root.addEventListener("pointermove", (event) => {
    const mark = nearest(event);
    ring.setAttribute("visibility", mark ? "visible" : "hidden");
    if (!mark) return tip.hide();
    ring.setAttribute("cx", mark.x);
    ring.setAttribute("cy", mark.y);
    tip.show(event, ...textOf(mark.run));
  });
  root.addEventListener("pointerleave", () => {
    ring.setAttribute("visibility", "hidden");
    tip.hide();
  });
  root.addEventListener("click", (event) => {
    const mark = nearest(event);
    if (mark) onPick(mark.run);
  });
  return root;
}

/** Dot and interval on the gap axis, one row of a forest plot; `axis` draws the ticks instead. */
function intervalCell({ width = 200, solver = 0, value = null, low = null, high = null, axis = false }) {
  const height = 26;
  const x = gapScale(10, width - 14, { maxTicks: 3 });
  const root = svg("svg", { class: "interval", width, height, viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" });
  for (const { at, text } of x.ticks) {
    if (axis) root.append(svg("text", { x: at, y: 18, "text-anchor": at < 40 ? "start" : at > width - 40 ? "end" : "middle" }, text));
    else root.append(svg("line", { class: "grid", x1: at, x2: at, y1: 0, y2: height }));
  }
  if (axis || value === null) return root;
  const colour = colourOf(solver);
  if (low !== null && high !== null) {
    root.append(svg("line", { x1: x(low), x2: x(high), y1: 13, y2: 13, stroke: colour, "stroke-width": 2.5 }));
    for (const end of [low, high]) {
      root.append(svg("line", { x1: x(end), x2: x(end), y1: 8, y2: 18, stroke: colour, "stroke-width": 1.5 }));
    }
  }
  root.append(svg("path", { class: "dot", d: markPath(solver, x(value), 13, 5), fill: colour }));
  return root;
}

/** Critical-difference diagram after Demšar (2006): mean ranks on a line, bars join what can't be told apart. */
function rankingChart({ width, ranks, criticalDifference, cliques, nameOf }) {
  const sorted = [...ranks].sort((a, b) => a.rank - b.rank);
  const half = Math.ceil(sorted.length / 2);
  const top = 54;
  const barsHeight = 10 + 9 * cliques.length;
  const rowHeight = 24;
  const height = top + barsHeight + half * rowHeight + 8;
  const side = Math.min(170, width * 0.27);
  const x = linearScale(1, sorted.length, side, width - side, (v) => String(Math.round(v)), sorted.length - 1);
  const listing = sorted.map(({ solver, rank }) => `${nameOf(solver)} ${rank.toFixed(2)}`).join(", ");
  const root = svg("svg", { class: "chart", width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `Mean ranks: ${listing}` });
  root.append(svg("line", { class: "axis", x1: x(1), x2: x(sorted.length), y1: top, y2: top }));
  for (const { at, text } of x.ticks) {
    root.append(svg("line", { class: "axis", x1: at, x2: at, y1: top - 5, y2: top }));
    root.append(svg("text", { x: at, y: top - 10, "text-anchor": "middle" }, text));
  }
  const length = Math.min(criticalDifference, sorted.length - 1);
  root.append(svg("path", { class: "axis", fill: "none", d: `M${x(1)},12v8m0,-4H${x(1 + length)}m0,-4v8` }));
  const text = `critical difference ${criticalDifference.toFixed(2)}`;
  root.append(svg("text", { x: x(1 + length) + 8, y: 20 }, text));
  sorted.forEach(({ solver, rank }, i) => {
    const isLeft = i < half;
    const y = top + barsHeight + (isLeft ? i : sorted.length - 1 - i) * rowHeight + 12;
    const edge = isLeft ? side - 8 : width - side + 8;
    root.append(svg("path", { fill: "none", stroke: colourOf(solver), "stroke-width": 1.5, d: `M${x(rank)},${top}V${y}H${edge}` }));
    root.append(svg("path", { d: markPath(solver, x(rank), top, 4.5), fill: colourOf(solver) }));
    const anchor = isLeft ? "end" : "start";
    const name = nameOf(solver);
    const short = name.length * 7 > side - 60 ? `${name.slice(0, Math.floor((side - 66) / 7))}…` : name;
    const entry = svg("text", { x: edge + (isLeft ? -6 : 6), y: y + 4, "text-anchor": anchor }, `${short} ${rank.toFixed(2)}`);
    entry.append(svg("title", {}, name));
    root.append(entry);
  });
  cliques.forEach(([best, worst], i) => {
    const y = top + 12 + 9 * i;
    root.append(svg("line", { class: "clique", x1: x(best) - 5, x2: x(worst) + 5, y1: y, y2: y }));
  });
  return root;
}
