// Elements and numbers as text. Whatever comes from the data becomes a text node, never markup.

const SVG = "http://www.w3.org/2000/svg";

function setAttributes(node, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
}

/** HTML element with attributes (functions named "on..." are listeners) and children. */
function html(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  setAttributes(node, attributes);
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

/** SVG element, as `html`. */
function svg(tag, attributes = {}, ...children) {
  const node = document.createElementNS(SVG, tag);
  setAttributes(node, attributes);
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

const NONE = "–";
const grouped = new Intl.NumberFormat("en", { maximumFractionDigits: 4 });

/** A number; one that four decimals would hide is not shown as zero. */
function formatNumber(value) {
  if (value === null) return NONE;
  return value !== 0 && Math.abs(value) < 5e-5 ? String(Number(value.toPrecision(4))) : grouped.format(value);
}

/** A gap in per cent; a value that two decimals would hide is not shown as zero. */
function formatGap(gap) {
  if (gap === null) return NONE;
  if (gap === 0) return "0 %";
  const percent = 100 * gap;
  if (Math.abs(percent) < 0.005) return gap < 0 ? "−<0.01 %" : "<0.01 %";
  return `${percent.toFixed(2).replace("-", "−")} %`;
}

function formatSeconds(value) {
  if (value === null) return NONE;
  if (value < 0.001) return "<1 ms";
  if (value < 1) return `${(1000 * value).toFixed(0)} ms`;
  return value < 100 ? `${value.toFixed(1)} s` : `${grouped.format(Math.round(value))} s`;
}

function formatBytes(value) {
  if (value === null) return NONE;
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${value >= 100 || unit === 0 ? value.toFixed(0) : value.toFixed(1)} ${units[unit]}`;
}

function formatShare(value) {
  return value === null ? NONE : `${(100 * value).toFixed(value === 1 || value === 0 ? 0 : 1)} %`;
}

/** A p-value as papers print it. */
function formatP(value) {
  if (value === null) return NONE;
  return value < 0.001 ? "p < 0.001" : `p = ${value.toFixed(3)}`;
}
