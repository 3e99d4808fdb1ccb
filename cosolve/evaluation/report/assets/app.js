// The page: takes the data that cosolve wrote into it, and builds every section.

/** Keep a chart as wide as its place: drawn once now, and again whenever the place changes size. */
function keepDrawn(place, draw) {
  let width = 0;
  const redraw = () => {
    const available = Math.floor(place.clientWidth);
    if (available === width || available < 40) return;
    width = available;
    place.replaceChildren(draw(width));
  };
  new ResizeObserver(redraw).observe(place);
}

class Tip {
  constructor() {
    this.node = html("div", { class: "tip", hidden: true });
    document.body.append(this.node);
  }

  show(event, ...content) {
    this.node.replaceChildren(...content);
    this.node.hidden = false;
    const { width, height } = this.node.getBoundingClientRect();
    const left = event.clientX + 16 + width > window.innerWidth ? event.clientX - 16 - width : event.clientX + 16;
    const top = Math.min(event.clientY + 12, window.innerHeight - height - 8);
    this.node.style.left = `${Math.max(4, left)}px`;
    this.node.style.top = `${Math.max(4, top)}px`;
  }

  hide() {
    this.node.hidden = true;
  }
}

function readData() {
  const data = JSON.parse(document.getElementById("data").textContent);
  data.runs = data.runs.map((row) => Object.fromEntries(data.run_columns.map((name, i) => [name, row[i]])));
  return data;
}

const data = readData();
const tip = new Tip();
const hidden = new Set();
const byId = (id) => document.getElementById(id);
const nameOf = (solver) => data.solvers[solver];
const visible = (solver) => !hidden.has(solver);
let scope = data.scopes[0];

// -- summary ----------------------------------------------------------------------------------------------------------

function failuresText(failures) {
  const parts = Object.entries(failures).map(([kind, count]) => `${count} ${kind}`);
  return parts.length ? parts.join(", ") : "none";
}

function interval(low, high) {
  return low === null ? NONE : `${formatGap(low).replace(" %", "")} – ${formatGap(high)}`;
}

const SUMMARY = [
  ["Runs", (row) => grouped.format(row.runs)],
  ["Mean gap", (row) => formatGap(row.gap)],
  [`${data.confidence} interval`, (row) => interval(row.low, row.high)],
  ["Median gap", (row) => formatGap(row.median)],
  ["Gap if feasible", (row) => formatGap(row.gap_of_feasible)],
  ["Feasible", (row) => formatShare(row.feasible_share)],
  ["Proven", (row) => formatShare(row.proven_share)],
  ["Mean time", (row) => formatSeconds(row.time)],
  ["New bests", (row) => (row.new_bests ? `★ ${row.new_bests}` : "0")],
];

function summaryTable() {
  const heads = SUMMARY.map(([title]) => html("th", { scope: "col", class: "numeric" }, title));
  const rows = scope.summary.map((row) => {
    const cells = SUMMARY.map(([, text]) => html("td", { class: "numeric" }, text(row)));
    const best = row.is_best ? html("span", { class: "badge good" }, "best") : null;
    const forest = intervalCell({ solver: row.solver, value: row.gap, low: row.low, high: row.high });
    return html(
      "tr",
      {},
      html("th", { scope: "row" }, swatch(row.solver), ` ${nameOf(row.solver)} `, best),
      html("td", { class: "forest" }, forest),
      ...cells,
      html("td", { class: "wrapped" }, failuresText(row.failures)),
    );
  });
  const head = html(
    "tr",
    {},
    html("th", { scope: "col" }, "Solver"),
    html("th", { scope: "col", class: "forest" }, html("span", { class: "hidden" }, "Mean gap and interval"), intervalCell({ axis: true })),
    ...heads,
    html("th", { scope: "col" }, "Failures"),
  );
  byId("summary-note").textContent = scope.caption;
  const table = html("table", { "aria-describedby": "summary-note" }, html("thead", {}, head), html("tbody", {}, ...rows));
  return html("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Summary" }, table);
}

// -- charts -----------------------------------------------------------------------------------------------------------

function seriesOf(curves) {
  return curves
    .map(({ solver, points }) => ({ solver, name: nameOf(solver), points, dashed: false, faint: false }))
    .filter((one) => visible(one.solver) && one.points.length);
}

/** Replace a section's chart, or say why there is none. */
function showChart(id, reason, draw) {
  const place = html("div", { class: "plot" });
  byId(id).replaceChildren(place);
  if (reason) place.append(html("p", { class: "note" }, reason));
  else keepDrawn(place, draw);
}

function showCurves() {
  const series = seriesOf(scope.curves.series);
  const { start, end } = scope.curves;
  showChart("curves-plot", series.length ? null : scope.curves.why || "No curve to show.", (width) =>
    stepChart({
      width,
      x: timeScale(start, end, MARGIN.left, width - MARGIN.right),
      y: gapScale(320 - MARGIN.bottom, MARGIN.top),
      end,
      series,
      xTitle: "time",
      yTitle: "mean gap",
      label: "Mean gap over time of each solver",
      readX: formatSeconds,
      readY: formatGap,
      tip,
    }),
  );
  const { cutoffs, rows } = scope.curves;
  const head = html("tr", {}, html("th", { scope: "col" }, "Mean gap after"), ...cutoffs.map((t) => html("th", { scope: "col", class: "numeric" }, formatSeconds(t))), html("th", { scope: "col", class: "numeric" }, "Instances"));
  const body = rows.filter((row) => visible(row.solver)).map((row) =>
    html("tr", {}, html("th", { scope: "row" }, swatch(row.solver), ` ${nameOf(row.solver)}`), ...row.gaps.map((gap) => html("td", { class: "numeric" }, formatGap(gap))), html("td", { class: "numeric" }, grouped.format(row.instances))),
  );
  byId("curves-table").replaceChildren(html("table", {}, html("thead", {}, head), html("tbody", {}, ...body)));
}

function showProfiles() {
  const { gap, time, instances } = scope.profiles;
  const missing = scope.left_out.map(nameOf).join(", ");
  const note = missing ? ` Without ${missing}: fewer than half of the instances.` : "";
  byId("profile-note").textContent = `Over the ${grouped.format(instances)} instances that all solvers ran.${note}`;
  const shareScale = linearScale(0, 1, 320 - MARGIN.bottom, MARGIN.top, (value) => `${Math.round(100 * value)} %`);
  showChart("gap-profile-plot", gap.why, (width) =>
    stepChart({
      width,
      x: gapScale(MARGIN.left, width - MARGIN.right),
      y: shareScale,
      end: 1,
      series: seriesOf(gap.series),
      xTitle: "gap, mean over seeds, of at most",
      yTitle: "share of instances",
      label: "Share of instances on which the mean gap is at most x",
      readX: formatGap,
      readY: formatShare,
      tip,
    }),
  );
  const ratio = (value) => `${grouped.format(value)} ×`;
  showChart("time-profile-plot", time.why, (width) =>
    stepChart({
      width,
      x: logScale(1, time.end, MARGIN.left, width - MARGIN.right, { ticks: decades(1, time.end, 6), format: ratio }),
      y: shareScale,
      end: time.end,
      series: seriesOf(time.series),
      xTitle: "time, as a multiple of the fastest solver's",
      yTitle: "share of instances",
      label: "Performance profile of the time to the target gap",
      readX: (value) => ratio(Number(value.toPrecision(3))),
      readY: formatShare,
      tip,
    }),
  );
}

function runText(run) {
  const item = data.cases[run.case];
  const result = run.objective === null ? "no solution" : `${formatNumber(run.objective)}, gap ${formatGap(run.signed)}`;
  return [
    html("b", {}, item.name),
    html("div", {}, swatch(run.solver), `${nameOf(run.solver)}, seed ${run.seed}`),
    html("div", {}, `${result}, ${formatSeconds(run.time)}`),
    run.failure === null ? null : html("div", { class: "failing" }, run.failure),
  ].filter(Boolean);
}

function isInScope({ problem, group }) {
  return scope.problem === null || (problem === scope.problem && group === scope.group);
}

function showScatter() {
  const hasPlace = (run) => run.took_place && (run.objective === null || run.gap !== null);
  const runs = data.runs.filter((run) => hasPlace(run) && visible(run.solver) && isInScope(data.cases[run.case]));
  showChart("scatter-plot", runs.length ? null : "No run to show.", (width) =>
    scatterChart({ width, runs, timeOf: (run) => run.best_time ?? run.time, solverOf: (run) => run.solver, textOf: runText, onPick: (run) => table.reveal(run), tip }),
  );
}

function showRanking() {
  const ranking = scope.ranking;
  showChart("ranking-plot", ranking.why, (width) =>
    rankingChart({ width, ranks: ranking.ranks, criticalDifference: ranking.critical_difference, cliques: ranking.cliques, nameOf }),
  );
  byId("ranking-note").textContent = ranking.note || "";
  const solvers = scope.pairs.solvers;
  const head = html("tr", {}, html("th", { scope: "col" }, "Row against column"), ...solvers.map((solver) => html("th", { scope: "col" }, nameOf(solver))));
  const rows = solvers.map((solver, i) =>
    html("tr", {}, html("th", { scope: "row" }, swatch(solver), ` ${nameOf(solver)}`), ...scope.pairs.cells[i].map(pairCell)),
  );
  const matrix = html("table", { class: "pairs" }, html("thead", {}, head), html("tbody", {}, ...rows));
  byId("pairs").replaceChildren(solvers.length > 1 ? matrix : html("p", { class: "note" }, "One solver: nothing to compare."));
}

function pairCell(cell) {
  if (cell === null) return html("td", { class: "none" }, NONE);
  if (cell.pairs === 0) return html("td", { class: "none", title: "no instance in common" }, "none in common");
  const significant = cell.p !== null && cell.p < data.alpha;
  const verdict = !significant ? null : cell.ranks < 0 ? "better" : "worse"; // by what is tested: not always by wins
  const title = `${cell.wins} wins, ${cell.ties} ties, ${cell.losses} losses on ${cell.pairs} instances`;
  return html(
    "td",
    { class: verdict, title },
    html("div", { class: "score" }, `${cell.wins} / ${cell.ties} / ${cell.losses}`),
    html("div", { class: "p" }, formatP(cell.p), significant ? html("span", { class: "hidden" }, ` ${verdict}`) : null),
  );
}

function showPublished() {
  const rows = data.published.map((row) =>
    html(
      "tr",
      { class: row.published ? "published" : null },
      html("th", { scope: "row" }, row.set),
      html("td", {}, row.solver, " ", html("span", { class: row.published ? "badge" : "badge good" }, row.published ? "published" : "this report")),
      html("td", { class: "numeric" }, formatGap(row.gap)),
      html("td", {}, row.note),
    ),
  );
  const heads = ["Set", "Solver", "Gap", "Note"].map((text, i) => html("th", { scope: "col", class: i === 2 ? "numeric" : null }, text));
  byId("published-table").replaceChildren(html("table", {}, html("thead", {}, html("tr", {}, ...heads)), html("tbody", {}, ...rows)));
}

function showFrontierCO() {
  const { header, rows } = data.frontierco;
  const heads = header.map((text, i) => html("th", { scope: "col", class: i > 1 ? "numeric" : null }, text));
  const body = rows.map((row) => html("tr", {}, ...row.map((text, i) => html("td", { class: i > 1 ? "numeric" : null }, text))));
  byId("frontierco-table").replaceChildren(html("table", {}, html("thead", {}, html("tr", {}, ...heads)), html("tbody", {}, ...body)));
}

// -- runs -------------------------------------------------------------------------------------------------------------

function badge(run) {
  const kind = run.failure !== null ? "bad" : run.status === "optimal" ? "good" : run.objective === null ? "warn" : "";
  return html("span", { class: `badge ${kind}` }, (run.failure ?? run.status).replaceAll("_", " "));
}

function referenceCell(item) {
  if (item.reference === null) return [NONE];
  const { value, kind, doubt } = item.reference;
  const marks = [html("span", { class: "kind" }, ` ${kind}`)];
  if (doubt) marks.push(html("span", { class: "badge warn", title: doubt }, "doubtful"));
  return [formatNumber(value), ...marks];
}

const COLUMNS = [
  { key: "case", title: "Instance", value: (run) => data.cases[run.case].name, cell: (run) => data.cases[run.case].name },
  { key: "problem", title: "Problem", optional: true, minor: true, value: (run) => data.cases[run.case].problem, cell: (run) => data.cases[run.case].problem },
  { key: "group", title: "Group", optional: true, minor: true, value: (run) => data.cases[run.case].group, cell: (run) => data.cases[run.case].group || NONE },
  { key: "size", title: "Size", numeric: true, minor: true, value: (run) => data.cases[run.case].size, cell: (run) => formatNumber(data.cases[run.case].size) },
  { key: "solver", title: "Solver", value: (run) => nameOf(run.solver), cell: (run) => [swatch(run.solver), ` ${nameOf(run.solver)}`] },
  { key: "seed", title: "Seed", optional: true, numeric: true, minor: true, value: (run) => run.seed, cell: (run) => String(run.seed) },
  { key: "objective", title: "Objective", numeric: true, minor: true, value: (run) => run.objective, cell: (run) => formatNumber(run.objective) },
  { key: "reference", title: "Reference", numeric: true, minor: true, value: (run) => data.cases[run.case].reference?.value ?? null, cell: (run) => referenceCell(data.cases[run.case]) },
  {
    key: "gap",
    title: "Gap",
    numeric: true,
    value: (run) => run.signed,
    cell: (run) => [run.is_new_best ? html("span", { class: "badge good", title: "better than the reference" }, "★ new best") : null, ` ${formatGap(run.signed)}`],
  },
  { key: "outcome", title: "Outcome", value: (run) => run.failure ?? run.status, cell: badge },
  { key: "optimality", title: "Gap to bound", numeric: true, minor: true, value: (run) => run.optimality, cell: (run) => formatGap(run.optimality) },
  { key: "time", title: "Time", numeric: true, value: (run) => run.time, cell: (run) => formatSeconds(run.time) },
  { key: "memory", title: "Memory", numeric: true, minor: true, value: (run) => run.memory, cell: (run) => formatBytes(run.memory) },
];

function distinct(values) {
  return [...new Set(values)].sort(collator.compare).map((value) => [value, value || "(none)"]);
}

function outcomes() {
  const kinds = distinct(data.runs.map((run) => run.failure ?? run.status)).map(([value]) => [value, value.replaceAll("_", " ")]);
  const extra = [["any failure", "any failure"], ["new best", "new best"]];
  return [...extra, ...kinds];
}

function hasOutcome(run, value) {
  if (value === "any failure") return run.failure !== null;
  return value === "new best" ? run.is_new_best : (run.failure ?? run.status) === value;
}

/** Columns that tell runs apart; one that says the same in every row takes room from the others. */
function usefulColumns() {
  return COLUMNS.filter(({ optional, value }) => !optional || new Set(data.runs.map(value)).size > 1);
}

const table = new RunTable({
  columns: usefulColumns(),
  runs: data.runs,
  detail: (run) => detailOf(data, run, tip),
  searchText: (run) => `${data.cases[run.case].name} ${nameOf(run.solver)} ${run.failure ?? run.status} ${run.message}`,
  filters: [
    { label: "Problem", options: distinct(data.cases.map((item) => item.problem)), test: (run, value) => data.cases[run.case].problem === value },
    { label: "Group", options: distinct(data.cases.map((item) => item.group)).filter(([value]) => value), test: (run, value) => data.cases[run.case].group === value },
    { label: "Solver", options: data.solvers.map((name, i) => [String(i), name]), test: (run, value) => run.solver === Number(value) },
    { label: "Outcome", options: outcomes(), test: hasOutcome },
  ],
});

// -- the whole --------------------------------------------------------------------------------------------------------

function showCharts() {
  showCurves();
  showProfiles();
  showScatter();
}

function showScope() {
  byId("summary-table").replaceChildren(summaryTable());
  showCharts();
  showRanking();
}

function chooser() {
  const options = data.scopes.map((one, i) => html("option", { value: i }, one.label));
  const choose = (event) => {
    scope = data.scopes[Number(event.target.value)];
    table.setFilter("Problem", scope.problem ?? "");
    table.setFilter("Group", scope.group ?? "");
    showScope();
  };
  return html("label", {}, "Show ", html("select", { id: "scope", onchange: choose }, ...options));
}

function legend() {
  const buttons = data.solvers.map((name, solver) => {
    const toggle = (event) => {
      if (!hidden.delete(solver)) hidden.add(solver);
      event.currentTarget.setAttribute("aria-pressed", String(visible(solver)));
      showCharts();
    };
    return html("button", { type: "button", class: "chip", "aria-pressed": "true", onclick: toggle }, swatch(solver), name);
  });
  return html("div", { class: "legend", role: "group", "aria-label": "Solvers in the charts" }, ...buttons);
}

byId("toolbar").append(chooser(), legend());
byId("facts").replaceChildren(factList(data.facts));
byId("runs-table").replaceChildren(table.element);
byId("notes-list").replaceChildren(...data.notes.map((text) => html("li", {}, text)));
if (data.frontierco) showFrontierCO();
else byId("frontierco").remove();
if (data.published.length) showPublished();
else byId("published").remove();
showScope();
