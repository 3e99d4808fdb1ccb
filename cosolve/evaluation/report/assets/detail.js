// What opens below a row: the drawing of the instance's best solution, the curves of all runs on it, and the facts.

/** SVG text from its packed form (base64 of a zlib stream). */
async function unpack(text) {
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).text();
}

/** Put a drawing into the page; what is no drawing (scripts, foreign content) does not get in. */
async function insertDrawing(place, packed) {
  try {
    const parsed = new DOMParser().parseFromString(await unpack(packed), "image/svg+xml").documentElement;
    if (parsed.namespaceURI !== SVG || parsed.querySelector("parsererror")) throw new Error("not an SVG document");
    for (const node of parsed.querySelectorAll("script, foreignObject, iframe, a, image")) node.remove();
    place.replaceChildren(document.importNode(parsed, true));
  } catch (error) {
    place.replaceChildren(html("p", { class: "note" }, `This browser can't show the drawing: ${error.message}.`));
  }
}

function drawingOf(data, item) {
  const place = html("div", { class: "drawing" });
  if (item.drawing === null) place.append(html("p", { class: "note" }, `No drawing: ${item.why}.`));
  else insertDrawing(place, data.drawings[item.drawing]);
  const caption = item.best === null ? null : html("figcaption", {}, `Best solution: ${bestText(data, item)}`);
  return html("figure", {}, place, caption);
}

function bestText(data, item) {
  const run = data.runs[item.best];
  return `${formatNumber(run.objective)} by ${data.solvers[run.solver]}, seed ${run.seed}`;
}

function curvesOf(data, run, tip) {
  const item = data.cases[run.case];
  const others = data.runs.filter((other) => other.case === run.case && other.trace.length);
  const place = html("div", { class: "plot" });
  const names = [...new Set(others.map((other) => other.solver))].map((solver) =>
    html("span", {}, swatch(solver), ` ${data.solvers[solver]}`),
  );
  const caption = "Gap to the reference; dashed: bounds; thick: this run; pale: other seeds";
  const figure = html("figure", {}, place, html("figcaption", {}, html("div", { class: "names" }, ...names), caption));
  if (!others.length) {
    place.append(html("p", { class: "note" }, "No run on this instance has a curve to show."));
    return figure;
  }
  const end = most(others.map((other) => Math.max(other.time ?? 0, other.trace.at(-1)[0])));
  const starts = others.map((other) => other.trace[0][0]).filter((time) => time > 0);
  const series = others.flatMap((other) => {
    const name = data.solvers[other.solver];
    const faint = other.seed !== run.seed;
    const strong = other === run;
    const gaps = other.trace.filter((point) => point[1] !== null).map((point) => [point[0], point[1]]);
    const bounds = other.trace.filter((point) => point[2] !== null).map((point) => [point[0], point[2]]);
    return [
      { solver: other.solver, name, points: gaps, faint, strong, dashed: false },
      { solver: other.solver, name: `${name} (bound)`, points: bounds, faint, strong, dashed: true },
    ].filter((one) => one.points.length);
  });
  const high = most(series.flatMap((one) => one.points.map((point) => point[1])));
  keepDrawn(place, (width) =>
    stepChart({
      width,
      x: timeScale(least([...starts, end]), end, MARGIN.left, width - MARGIN.right),
      y: gapScale(320 - MARGIN.bottom, MARGIN.top, { high }),
      end,
      series,
      xTitle: "time",
      yTitle: "gap",
      label: `Gap over time of all runs on ${item.name}`,
      readX: formatSeconds,
      readY: formatGap,
      tip,
    }),
  );
  return figure;
}

function factList(pairs) {
  return html("dl", { class: "facts" }, ...pairs.flatMap(([name, text]) => [html("dt", {}, name), html("dd", {}, text)]));
}

function referenceText(reference) {
  if (reference === null) return "none known";
  const parts = [`${formatNumber(reference.value)} (${reference.kind})`];
  if (reference.rounding !== "instance") parts.push(`rounding: ${reference.rounding}`);
  if (reference.source) parts.push(reference.source);
  return parts.join("; ");
}

function detailOf(data, run, tip) {
  const item = data.cases[run.case];
  const facts = [];
  if (run.failure !== null) facts.push(["Failure", run.message ? `${run.failure}: ${run.message}` : run.failure]);
  else if (run.message) facts.push(["Message", run.message]);
  if (item.reference?.doubt) facts.push(["Doubt about the reference", item.reference.doubt]);
  if (run.limit !== null) facts.push(["Stopped by", `${run.limit} limit`]);
  facts.push(["Reference", referenceText(item.reference)]);
  const toBound = run.optimality === null ? "" : `, gap to the solution ${formatGap(run.optimality)}`;
  facts.push(["Bound", run.bound === null ? "none proven" : `${formatNumber(run.bound)}${toBound}`]);
  facts.push(...run.facts, ...data.setups[run.setup], ["Machine", data.machines[run.machine]]);
  return html(
    "div",
    { class: "panel" },
    html("div", { class: "pair" }, drawingOf(data, item), curvesOf(data, run, tip)),
    factList(facts),
  );
}
