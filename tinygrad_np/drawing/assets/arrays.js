// Arrays as pictures and numbers: heat map, histogram, entries, and all of it at a glance.

const WHOLE = {rows: 12, columns: 10}; // an array up to this size is shown number by number

/** The entries of an array as rows: axes before the last two stacked, a vector as one row. */
function asRows(data, shape) {
  if (!shape.length) return [[data]];
  if (shape.length === 1) return [data];
  return shape.length === 2 ? data : data.flatMap((part) => asRows(part, shape.slice(1)));
}

/** Rows of numbers for the heat map, null where there is none, and the range they are coloured over. */
function heatOf(summary) {
  if (summary.data !== null) {
    const rows = asRows(summary.data, summary.shape).map((row) =>
      row.map((x) => (typeof x === "number" ? x : typeof x === "boolean" ? Number(x) : null)),
    );
    return {rows, low: summary.min, high: summary.max, exact: true};
  }
  const {heat} = summary;
  if (!heat) return null;
  const levels = Uint8Array.from(atob(heat.levels), (c) => c.charCodeAt(0));
  const low = Number(heat.low),
    high = Number(heat.high);
  const value = (level) => (level === 255 ? null : low + ((high - low) * level) / 254);
  const rows = Array.from({length: heat.rows}, (_, r) =>
    [...levels.subarray(r * heat.columns, (r + 1) * heat.columns)].map(value),
  );
  return {rows, low, high, exact: false};
}

const mix = (a, b, t) => a.map((x, i) => Math.round(x + (b[i] - x) * t));

/** Below zero blue, above it orange, as far from the ground as from zero; a range on one side of zero in one colour. */
function painter({low, high}) {
  const dark = darkNow();
  const ground = dark ? [38, 45, 54] : [246, 246, 244];
  const [cold, warm] = dark
    ? [
        [96, 165, 250],
        [251, 146, 60],
      ]
    : [
        [29, 78, 160],
        [184, 72, 10],
      ];
  const most = Math.max(Math.abs(low), Math.abs(high)) || 1;
  return (x) =>
    x === null
      ? dark
        ? [120, 40, 90]
        : [230, 160, 205]
      : mix(ground, x < 0 ? cold : warm, Math.min(Math.abs(x) / most, 1) ** 0.8);
}

function heatMap(summary, words, most = 260) {
  const heat = heatOf(summary);
  if (!heat || !heat.rows.length || !heat.rows[0].length || heat.low === null) return null;
  const [high, wide] = [heat.rows.length, heat.rows[0].length];
  const cell = Math.max(1, Math.min(Math.floor(most / wide), Math.floor((most * 0.62) / high), 18));
  const canvas = el("canvas.heat", {
    width: wide,
    height: high,
    role: "img",
    "aria-label": `Heat map of ${words}, from ${num(summary.min)} to ${num(summary.max)}`,
  });
  canvas.style.width = `${wide * cell}px`;
  canvas.style.height = `${Math.max(high * cell, high === 1 ? 14 : 0)}px`;
  const picture = new ImageData(wide, high),
    colour = painter(heat);
  heat.rows.flat().forEach((x, i) => picture.data.set([...colour(x), 255], 4 * i));
  canvas.getContext("2d").putImageData(picture, 0, 0);
  canvas.addEventListener("mousemove", (event) => {
    const area = canvas.getBoundingClientRect();
    const r = Math.min(Math.floor(((event.clientY - area.y) / area.height) * high), high - 1);
    const c = Math.min(Math.floor(((event.clientX - area.x) / area.width) * wide), wide - 1);
    const x = heat.rows[r]?.[c];
    canvas.title = heat.exact
      ? `[${high > 1 || summary.shape.length > 1 ? `${r}, ` : ""}${c}] = ${num(x)}`
      : `mean of a block: ${num(x)}`;
  });
  return canvas;
}

/** The histogram of an array that is there in full. */
function binned({data, shape, min, max}) {
  const counts = Array(16).fill(0);
  for (const x of data === null ? [] : asRows(data, shape).flat()) {
    if (typeof x === "number" && max > min) counts[Math.min(Math.floor((16 * (x - min)) / (max - min)), 15)]++;
  }
  return {low: min, high: max, counts};
}

function histogram({low, high, counts}) {
  if (!counts.some((n) => n)) return null;
  const most = Math.max(...counts, 1),
    w = 260 / counts.length;
  const bars = counts.map((n, i) => {
    const h = n ? Math.max((n / most) * 44, 1) : 0;
    return svg("rect", {
      x: (i * w).toFixed(2),
      y: (46 - h).toFixed(2),
      width: Math.max(w - 1, 0.5).toFixed(2),
      height: h.toFixed(2),
    });
  });
  const picture = svg(
    "svg",
    {class: "histogram", viewBox: "0 0 260 47", role: "img", "aria-label": `Histogram: ${counts.join(", ")}`},
    ...bars,
  );
  if (low < 0 && high > 0) {
    const x = ((-low / (high - low)) * 260).toFixed(1);
    picture.append(svg("path", {class: "zero", d: `M${x} 0V47`}));
  }
  return el("figure", {}, picture, el("figcaption", {}, el("span", {}, num(low)), el("span", {}, num(high))));
}

function table(summary, words) {
  if (summary.data === null) return null;
  const rows = asRows(summary.data, summary.shape);
  if (!rows.length || !rows[0].length || rows.length > WHOLE.rows || rows[0].length > WHOLE.columns) return null;
  const colour = painter({low: summary.min ?? 0, high: summary.max ?? 0});
  const cells = rows.map((row) =>
    el(
      "tr",
      {},
      row.map((x) => {
        const made = el("td", {title: String(x)}, num(typeof x === "number" ? Number(x.toPrecision(4)) : x));
        if (typeof x === "number") made.style.setProperty("--heat", `rgb(${colour(x).join(" ")})`);
        return made;
      }),
    ),
  );
  return el(
    "div.scroller",
    {tabindex: 0, role: "region", "aria-label": `Entries of ${words}`},
    el("table.entries", {}, cells),
  );
}

/** An array in full: its range in numbers, its entries if few, its picture, its histogram. */
function arrayView(summary, words) {
  const facts = [
    ["min", summary.min],
    ["max", summary.max],
    ["mean", summary.mean],
    ["norm", summary.norm],
  ];
  if (summary.zeros) facts.push(["zeros", summary.zeros]);
  if (summary.nonfinite) facts.push(["not finite", summary.nonfinite]);
  const single = summary.data !== null && !summary.shape.length;
  const entries = single ? null : table(summary, words);
  return el(
    "div.array",
    {},
    single ? el("p.single", {}, num(summary.data)) : null,
    single
      ? null
      : el(
          "dl.facts",
          {},
          facts.map(([k, v]) => el("div", {"data-fact": k, "data-exact": v}, el("dt", {}, k), el("dd", {}, num(v)))),
        ),
    entries ?? (single ? null : heatMap(summary, words)),
    single || entries ? null : histogram(summary.histogram ?? binned(summary)),
  );
}

/** The same in one line and a small picture. */
function glance(summary, words, most = 120) {
  if (!summary) return el("span.dim", {}, "value not known");
  if (summary.data !== null && !summary.shape.length)
    return el("span.glance", {}, el("b.single", {}, num(summary.data)));
  const said = el("span", {}, `${shapeText(summary.shape)}  ‖·‖ `, el("b", {}, num(summary.norm)));
  const wide = summary.data !== null && summary.shape.length === 1 ? 140 : most;
  return el("span.glance", {}, heatMap(summary, words, wide), said);
}
