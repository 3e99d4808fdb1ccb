// From values to pixels. Gaps and times stand on logarithmic axes; what lies below the smallest value shown is drawn
// at the axis' end, whose tick says so.

/** Smallest gap told apart from zero in the charts. */
const GAP_FLOOR = 1e-4;

/** Smallest and largest of some numbers; a spread argument would overflow the stack at 100,000 of them. */
function least(values) {
  return values.reduce((a, b) => Math.min(a, b), Infinity);
}

function most(values) {
  return values.reduce((a, b) => Math.max(a, b), -Infinity);
}

/** Ticks from `low` to `high`: powers of ten, thinned to at most `maxTicks`; with few of them also 2 and 5 times each. */
function decades(low, high, maxTicks) {
  const first = Math.floor(Math.log10(low) + 1e-9);
  const last = Math.floor(Math.log10(high) + 1e-9);
  const isFine = last - first < 2;
  const step = Math.max(1, Math.ceil((last - first + 1) / maxTicks));
  const ticks = [];
  for (let power = first; power <= last; power += step) {
    for (const factor of isFine ? [1, 2, 5] : [1]) ticks.push(factor * 10 ** power);
  }
  return ticks.filter((tick) => tick >= low * (1 - 1e-9) && tick <= high * (1 + 1e-9));
}

function logScale(low, high, from, to, { ticks, format, floorText = null }) {
  const span = Math.log(high) - Math.log(low) || 1;
  const scale = (value) => {
    const inside = Math.min(Math.max(value, low), high);
    return from + ((Math.log(inside) - Math.log(low)) / span) * (to - from);
  };
  scale.invert = (pixel) => Math.exp(Math.log(low) + ((pixel - from) / (to - from)) * span);
  scale.ticks = ticks.map((value) => ({
    at: scale(value),
    text: floorText && value <= low * 1.0001 ? floorText : format(value),
  }));
  return scale;
}

/** Axis for gaps in [0, 1]; zero and everything below the floor share its end. */
function gapScale(from, to, { high = 1, maxTicks = 5 } = {}) {
  const top = Math.max(high, 10 * GAP_FLOOR);
  const format = (value) => `${+(100 * value).toPrecision(2)} %`;
  const ticks = decades(GAP_FLOOR, top, maxTicks);
  return logScale(GAP_FLOOR, top, from, to, { ticks, format, floorText: "≤ 0.01 %" });
}

function timeScale(low, high, from, to, maxTicks = 6) {
  const bottom = Number.isFinite(low) ? Math.max(low, 1e-3) : 1e-3;
  const top = Math.max(high, bottom * 10);
  const format = (value) => (value < 1 ? `${+(1000 * value).toPrecision(2)} ms` : `${grouped.format(value)} s`);
  return logScale(bottom, top, from, to, { ticks: decades(bottom, top, maxTicks), format });
}

function linearScale(low, high, from, to, format, count = 5) {
  const scale = (value) => from + ((value - low) / (high - low || 1)) * (to - from);
  const values = Array.from({ length: count + 1 }, (_, i) => low + (i / count) * (high - low));
  scale.ticks = values.map((value) => ({ at: scale(value), text: format(value) }));
  return scale;
}
