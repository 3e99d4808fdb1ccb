// The table of runs: filters, sorts and pages plain objects; only the rows in view exist as elements.

const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

/** Order of two values of a column: missing ones last whatever the direction. */
function compare(a, b, direction) {
  if (a === null || b === null) return a === b ? 0 : a === null ? 1 : -1;
  return direction * (typeof a === "number" ? a - b : collator.compare(a, b));
}

class RunTable {
  /**
   * `columns`: {key, title, value(run), cell(run) -> nodes or text, numeric, minor}; `detail(run)` -> element shown
   * below a row that is opened; `filters`: {label, options: [[value, text]], test(run, value)}.
   */
  constructor({ columns, runs, detail, filters, searchText }) {
    Object.assign(this, { columns, runs, detail, filters, searchText });
    this.sortKey = null;
    this.direction = 1;
    this.page = 0;
    this.pageSize = 50;
    this.open = null;
    this.haystacks = runs.map((run) => searchText(run).toLowerCase());
    this.build();
    this.update();
  }

  build() {
    this.search = html("input", { type: "search", placeholder: "Instance, solver or message", oninput: () => this.refilter() });
    this.selects = this.filters.map(({ label, options }) => {
      const entries = [["", `Any ${label.toLowerCase()}`], ...options];
      const nodes = entries.map(([value, text]) => html("option", { value }, text));
      return html("select", { "aria-label": label, onchange: () => this.refilter() }, ...nodes);
    });
    this.count = html("p", { class: "count", role: "status" });
    this.heads = this.columns.map((column) =>
      html(
        "th",
        { scope: "col", "aria-sort": "none", class: cellClass(column) },
        html("button", { type: "button", onclick: () => this.sort(column.key) }, column.title),
      ),
    );
    this.body = html("tbody", { onkeydown: (event) => this.moveFocus(event) });
    const caption = html("caption", { class: "hidden" }, "All runs; a row opens to show how the run went");
    const table = html("table", { class: "runs" }, caption, html("thead", {}, html("tr", {}, ...this.heads)), this.body);
    const sizes = [25, 50, 100, 250, this.runs.length].map((size, i) =>
      html("option", { value: size, selected: size === this.pageSize }, i === 4 ? "all" : String(size)),
    );
    this.size = html("select", { "aria-label": "Rows per page", onchange: () => this.resize() }, ...sizes);
    this.previous = html("button", { type: "button", onclick: () => this.turn(-1) }, "Previous");
    this.next = html("button", { type: "button", onclick: () => this.turn(1) }, "Next");
    this.place = html("span", { class: "place" });
    this.element = html(
      "div",
      {},
      html("div", { class: "controls" }, html("label", { class: "search" }, html("span", { class: "hidden" }, "Search"), this.search), ...this.selects),
      this.count,
      html("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Table of runs" }, table),
      html("div", { class: "pager" }, this.previous, this.place, this.next, html("label", {}, "Rows per page ", this.size)),
    );
  }

  refilter() {
    this.page = 0;
    this.open = null;
    this.update();
  }

  /** Set one filter by its label, as if the reader had chosen it. */
  setFilter(label, value) {
    const i = this.filters.findIndex((filter) => filter.label === label);
    if (i < 0) return;
    this.selects[i].value = value;
    this.refilter();
  }

  sort(key) {
    this.direction = this.sortKey === key ? -this.direction : 1;
    this.sortKey = key;
    this.page = 0;
    this.update();
  }

  resize() {
    this.pageSize = Number(this.size.value);
    this.page = 0;
    this.renderRows();
  }

  turn(by) {
    this.page += by;
    this.open = null;
    this.renderRows();
    this.element.scrollIntoView({ block: "start" });
  }

  /** Show one run, opened, whatever page it is on; filters that hide it are lifted. */
  reveal(run) {
    if (!this.shown.includes(run)) {
      this.search.value = "";
      for (const select of this.selects) select.value = "";
      this.update();
    }
    this.page = Math.floor(this.shown.indexOf(run) / this.pageSize);
    this.open = run;
    this.renderRows();
    const button = this.body.querySelector("button[aria-expanded=true]");
    button.focus({ preventScroll: true });
    button.scrollIntoView({ block: "center" });
  }

  update() {
    const words = this.search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const active = this.filters.map((filter, i) => [filter, this.selects[i].value]).filter(([, value]) => value !== "");
    const column = this.columns.find(({ key }) => key === this.sortKey);
    const kept = [];
    this.runs.forEach((run, i) => {
      if (words.every((word) => this.haystacks[i].includes(word)) && active.every(([filter, value]) => filter.test(run, value))) {
        kept.push(run);
      }
    });
    if (column) {
      const keyed = kept.map((run) => ({ run, value: column.value(run) }));
      keyed.sort((a, b) => compare(a.value, b.value, this.direction));
      this.shown = keyed.map(({ run }) => run);
    } else {
      this.shown = kept;
    }
    this.heads.forEach((head, i) => {
      const isSorted = this.columns[i].key === this.sortKey;
      head.setAttribute("aria-sort", isSorted ? (this.direction > 0 ? "ascending" : "descending") : "none");
    });
    const failed = this.shown.filter((run) => run.failure !== null).length;
    const part = this.shown.length === this.runs.length ? "" : ` of ${grouped.format(this.runs.length)}`;
    this.count.textContent = `${grouped.format(this.shown.length)}${part} runs, ${grouped.format(failed)} failed`;
    this.renderRows();
  }

  renderRows() {
    const pages = Math.max(1, Math.ceil(this.shown.length / this.pageSize));
    this.page = Math.min(Math.max(this.page, 0), pages - 1);
    this.previous.disabled = this.page === 0;
    this.next.disabled = this.page === pages - 1;
    this.place.textContent = `Page ${this.page + 1} of ${pages}`;
    const start = this.page * this.pageSize;
    const rows = this.shown.slice(start, start + this.pageSize).flatMap((run) => this.row(run));
    if (!rows.length) {
      rows.push(html("tr", {}, html("td", { colspan: this.columns.length, class: "empty" }, "No run fits these filters.")));
    }
    this.body.replaceChildren(...rows);
  }

  row(run) {
    const isOpen = this.open === run;
    const cells = this.columns.map((column, i) => {
      const content = [column.cell(run)].flat();
      if (i > 0) return html("td", { class: cellClass(column) }, ...content);
      const button = html("button", { type: "button", class: "opener", "aria-expanded": String(isOpen) }, ...content);
      return html("th", { scope: "row", class: cellClass(column) }, button);
    });
    const row = html("tr", { class: run.failure === null ? null : "failing", onclick: (event) => this.toggle(run, event) }, ...cells);
    if (!isOpen) return [row];
    row.classList.add("open");
    return [row, html("tr", { class: "detail" }, html("td", { colspan: this.columns.length }, this.detail(run)))];
  }

  toggle(run, event) {
    if (event.detail > 0 && window.getSelection().toString()) return; // the mouse has selected text, to copy it
    const index = this.shown.indexOf(run) - this.page * this.pageSize;
    this.open = this.open === run ? null : run;
    this.renderRows();
    this.body.querySelectorAll("button.opener")[index].focus({ preventScroll: true });
  }

  moveFocus(event) {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!by || !event.target.classList.contains("opener")) return;
    const buttons = [...this.body.querySelectorAll("button.opener")];
    const target = buttons[buttons.indexOf(event.target) + by];
    if (!target) return;
    event.preventDefault();
    target.focus();
  }
}

function cellClass({ numeric, minor }) {
  return [numeric && "numeric", minor && "minor"].filter(Boolean).join(" ") || null;
}
