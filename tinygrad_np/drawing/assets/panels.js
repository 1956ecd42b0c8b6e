// What stands beside the graph: a node in full, arrays as pictures and numbers, and lists that are walked with keys.

const WHOLE = {rows: 12, columns: 10}; // an array up to this size is shown number by number

// ---- Arrays ----

/** The entries of an array as rows: axes before the last two stacked, a vector as one row. */
function asRows(data, shape) {
  if (!shape.length) return [[data]];
  if (shape.length === 1) return [data];
  return shape.length === 2 ? data : data.flatMap((part) => asRows(part, shape.slice(1)));
}

/** Rows of numbers for the heat map, null where there is none, and the range they are coloured over. */
function heatOf(summary) {
  if (summary.data !== null) {
    const rows = asRows(summary.data, summary.shape).map((row) => row.map((x) => (typeof x === "number" ? x : typeof x === "boolean" ? Number(x) : null)));
    return {rows, low: summary.min, high: summary.max, exact: true};
  }
  const {heat} = summary;
  if (!heat) return null;
  const levels = Uint8Array.from(atob(heat.levels), (c) => c.charCodeAt(0));
  const low = Number(heat.low), high = Number(heat.high);
  const value = (level) => (level === 255 ? null : low + ((high - low) * level) / 254);
  const rows = Array.from({length: heat.rows}, (_, r) => [...levels.subarray(r * heat.columns, (r + 1) * heat.columns)].map(value));
  return {rows, low, high, exact: false};
}

const mix = (a, b, t) => a.map((x, i) => Math.round(x + (b[i] - x) * t));

/** Below zero blue, above it orange, as far from the ground as from zero; a range on one side of zero in one colour. */
function painter({low, high}) {
  const dark = darkNow();
  const ground = dark ? [38, 45, 54] : [246, 246, 244];
  const [cold, warm] = dark ? [[96, 165, 250], [251, 146, 60]] : [[29, 78, 160], [184, 72, 10]];
  const most = Math.max(Math.abs(low), Math.abs(high)) || 1;
  return (x) => (x === null ? (dark ? [120, 40, 90] : [230, 160, 205]) : mix(ground, x < 0 ? cold : warm, Math.min(Math.abs(x) / most, 1) ** 0.8));
}

function heatMap(summary, words, most = 260) {
  const heat = heatOf(summary);
  if (!heat || !heat.rows.length || !heat.rows[0].length || heat.low === null) return null;
  const [high, wide] = [heat.rows.length, heat.rows[0].length];
  const cell = Math.max(1, Math.min(Math.floor(most / wide), Math.floor((most * 0.62) / high), 18));
  const canvas = el("canvas.heat", {width: wide, height: high, role: "img", "aria-label": `Heat map of ${words}, from ${num(summary.min)} to ${num(summary.max)}`});
  canvas.style.width = `${wide * cell}px`;
  canvas.style.height = `${Math.max(high * cell, high === 1 ? 14 : 0)}px`;
  const picture = new ImageData(wide, high), colour = painter(heat);
  heat.rows.flat().forEach((x, i) => picture.data.set([...colour(x), 255], 4 * i));
  canvas.getContext("2d").putImageData(picture, 0, 0);
  canvas.addEventListener("mousemove", (event) => {
    const area = canvas.getBoundingClientRect();
    const r = Math.min(Math.floor(((event.clientY - area.y) / area.height) * high), high - 1);
    const c = Math.min(Math.floor(((event.clientX - area.x) / area.width) * wide), wide - 1);
    const x = heat.rows[r]?.[c];
    canvas.title = heat.exact ? `[${high > 1 || summary.shape.length > 1 ? `${r}, ` : ""}${c}] = ${num(x)}` : `mean of a block: ${num(x)}`;
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
  const most = Math.max(...counts, 1), w = 260 / counts.length;
  const bars = counts.map((n, i) => {
    const h = n ? Math.max((n / most) * 44, 1) : 0;
    return svg("rect", {x: (i * w).toFixed(2), y: (46 - h).toFixed(2), width: Math.max(w - 1, 0.5).toFixed(2), height: h.toFixed(2)});
  });
  const picture = svg("svg", {class: "histogram", viewBox: "0 0 260 47", role: "img", "aria-label": `Histogram: ${counts.join(", ")}`}, ...bars);
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
  const cells = rows.map((row) => el("tr", {}, row.map((x) => {
    const made = el("td", {title: String(x)}, num(typeof x === "number" ? Number(x.toPrecision(4)) : x));
    if (typeof x === "number") made.style.setProperty("--heat", `rgb(${colour(x).join(" ")})`);
    return made;
  })));
  return el("div.scroller", {tabindex: 0, role: "region", "aria-label": `Entries of ${words}`}, el("table.entries", {}, cells));
}

/** An array in full: its range in numbers, its entries if few, its picture, its histogram. */
function arrayView(summary, words) {
  const facts = [["min", summary.min], ["max", summary.max], ["mean", summary.mean], ["norm", summary.norm]];
  if (summary.zeros) facts.push(["zeros", summary.zeros]);
  if (summary.nonfinite) facts.push(["not finite", summary.nonfinite]);
  const single = summary.data !== null && !summary.shape.length;
  const entries = single ? null : table(summary, words);
  return el("div.array", {},
    single ? el("p.single", {}, num(summary.data)) : null,
    single ? null : el("dl.facts", {}, facts.map(([k, v]) => el("div", {"data-fact": k, "data-exact": v}, el("dt", {}, k), el("dd", {}, num(v))))),
    entries ?? (single ? null : heatMap(summary, words)),
    single || entries ? null : histogram(summary.histogram ?? binned(summary)),
  );
}

/** The same in one line and a small picture. */
function glance(summary, words, most = 120) {
  if (!summary) return el("span.dim", {}, "value not known");
  if (summary.data !== null && !summary.shape.length) return el("span.glance", {}, el("b.single", {}, num(summary.data)));
  const said = el("span", {}, `${shapeText(summary.shape)}  ‖·‖ `, el("b", {}, num(summary.norm)));
  const wide = summary.data !== null && summary.shape.length === 1 ? 140 : most;
  return el("span.glance", {}, heatMap(summary, words, wide), said);
}

// ---- Lists ----

/** A list walked with arrow keys: one tab stop, the current row announced. Rows are `{parts, key, class}`. */
class List {
  constructor(place, label, rows, choose) {
    this.place = place;
    this.rows = rows;
    this.choose = choose;
    this.at = -1;
    place.setAttribute("role", "listbox");
    place.setAttribute("tabindex", 0);
    place.setAttribute("aria-label", label);
    this.made = rows.map((row, i) => el(`div.row${row.class ? `.${row.class}` : ""}`, {id: `${place.id}-${i}`, role: "option", "aria-selected": "false", "aria-label": row.spoken ?? null}, row.parts));
    place.replaceChildren(...this.made);
    place.onclick = (event) => {
      const i = this.made.indexOf(event.target.closest(".row"));
      if (i >= 0) this.go(i);
    };
    place.onkeydown = (event) => {
      const to = {ArrowDown: this.at + 1, ArrowUp: this.at - 1, Home: 0, End: rows.length - 1, PageDown: this.at + 10, PageUp: this.at - 10}[event.key];
      if (to === undefined || !rows.length) return;
      event.preventDefault();
      event.stopPropagation();
      this.go(Math.min(Math.max(to, 0), rows.length - 1));
    };
  }

  go(i) {
    this.mark(i);
    this.choose(this.rows[i]);
  }

  /** Show row `i` as the current one, without choosing it; -1: none. */
  mark(i) {
    this.made[this.at]?.setAttribute("aria-selected", "false");
    this.at = i;
    const made = this.made[i];
    if (!made) return this.place.removeAttribute("aria-activedescendant");
    made.setAttribute("aria-selected", "true");
    this.place.setAttribute("aria-activedescendant", made.id);
    if (this.place.offsetParent) made.scrollIntoView({block: "nearest"});
  }
}

// ---- A node in full ----

function inspected(doc, model, id, go) {
  const scope = model.clusters.get(id);
  return scope ? inspectedScope(model, scope, go) : inspectedNode(doc, model, model.nodes.get(id), go);
}

const KINDS = {op: "operation", output: "result", elided: "left out", collapsed: "closed scope"};
const section = (title, ...content) => {
  const kept = content.flat().filter(Boolean);
  return kept.length ? el("section", {}, el("h3", {}, title), kept) : null;
};

function inspectedScope(model, scope, go) {
  const closed = model.closed.has(scope.id);
  const members = scope.nodes.map((n) => model.nodes.get(n)).filter(Boolean);
  const inner = [...model.clusters.values()].filter((c) => c.parent === scope.id);
  return [
    el("p.kind", {}, "scope"), el("h2", {}, scopeTitle(scope)),
    el("p.dim", {}, `${plain(scope.path)}, ${count(scope.ops, "op")}`),
    el("p", {}, el("button", {type: "button", onclick: () => go.toggle(scope.id)}, closed ? "Open scope" : "Close scope")),
    section("Scopes in it", inner.length ? el("ul.refs", {}, inner.map((c) => el("li", {}, link(scopeTitle(c), () => go.select(c.id))))) : null),
    section("In it", members.length ? el("ul.refs", {}, members.slice(0, 60).map((n) => el("li", {}, nodeLink(n, go)))) : null),
  ];
}

const link = (text, onclick) => el("button.link", {type: "button", onclick}, text);
const nodeLink = (node, go) => link([el("b", {}, called(node)), node.op ? ` = ${cut(calls(node))}` : ` ${node.kind}`].flat(), () => go.select(node.id));

function inspectedNode(doc, model, node, go) {
  const {verdict, source, saved} = node;
  const around = scopesOf(model, node);
  const ways = node.reads.filter((e) => e.rule);
  const facts = [
    ["shape", several(node) ? node.shape.map(shapeText).join(", ") : node.shape ? shapeText(node.shape) : null],
    ["dtype", several(node) ? node.dtype.join(", ") : node.dtype],
    ["on the tape", node.label ? plain(node.label) : null],
    ["scope", around.length ? around.flatMap((c, i) => [i ? " / " : "", link(scopeTitle(c), () => go.select(c.id))]) : null],
    ["kept for backward", saved?.bytes ? `${bytes(saved.bytes)} (${saved.what.map(plain).join(", ")})` : saved ? "nothing" : null],
    ["one run", typeof node.seconds === "number" ? seconds(node.seconds) : null],
    ["gradient", node.differentiable ? null : "none flows through"],
  ].filter(([, v]) => v !== null && v !== undefined && v !== "");
  return [
    el("p.kind", {}, el(`span.chip.${node.kind}`, {}, KINDS[node.kind] ?? node.kind, node.result && node.kind !== "output" ? ", result" : "")),
    el("h2", {}, cut(plain(node.name ?? node.call ?? node.label), 200)),
    node.op && node.name !== null ? el("p.call", {}, el("code", {}, cut(calls(node), 200))) : null,
    verdict ? el(`p.verdict.${statusClass(verdict.status)}`, {}, el("b", {}, `${verdict.symbol} ${verdict.status}`), ` ${plain(verdict.text)}`) : null,
    el("dl.rows", {}, facts.map(([k, v]) => el("div", {}, el("dt", {}, k), el("dd", {}, v)))),
    source ? section("Source", el("p.where", {}, `${plain(source.file)}:${source.line}`), source.text ? el("pre", {}, el("code", {}, cut(plain(source.text), 400))) : null) : null,
    node.op ? section("Formula", el("p.formula", {}, formula(doc, node.formula, node.code ?? node.call)), node.formula && doc.mathml?.[node.formula] && node.code ? el("p.dim", {}, el("code", {}, plain(node.code))) : null) : null,
    node.primal ? section("Cotangent of", el("p", {}, nodeLink(model.nodes.get(node.primal), go))) : null,
    section("Made by", ways.length ? el("ul.rules", {}, ways.map((e) => el("li", {}, el("span.to", {}, "rule of ", link(called(model.nodes.get(e.rule.node)), () => go.select(e.rule.node))), el("span.formula", {}, formula(doc, e.rule.formula, e.rule.code))))) : null),
    rulesOf(doc, model, node, go),
    node.value ? section("Value", arrayView(node.value, called(node))) : node.missing ? section("Value", el("p.dim", {}, plain(node.missing))) : null,
    node.cotangent ? section("Cotangent", arrayView(node.cotangent, `the cotangent of ${called(node)}`), sharesOf(model, node, go)) : null,
    section("Reads", node.reads.length ? el("ul.refs", {}, node.reads.map((e) => el("li", {}, nodeLink(model.nodes.get(e.from), go)))) : null),
    section("Read by", node.readers.length ? el("ul.refs", {}, node.readers.slice(0, 60).map((e) => el("li", {}, nodeLink(model.nodes.get(e.to), go)))) : null),
  ];
}

/** The local rule for each argument, as the backward step of the node ran it. */
function rulesOf(doc, model, node, go) {
  const step = doc.steps?.find((s) => s.phase === "backward" && s.node === node.id);
  const rules = step?.contributions.map((c) => el("li", {},
    el("span.to", {}, "to ", link(called(model.nodes.get(c.to)), () => go.select(c.to))), el("span.formula", {}, formula(doc, c.formula, c.code))));
  return section("Local rule", rules?.length ? el("ul.rules", {}, rules) : null);
}

/** Where a cotangent comes from, and how much of it each way brings. */
function sharesOf(model, node, go) {
  const ways = node.readers.filter((e) => e.contribution);
  if (ways.length < 2) return null;
  return el("div.shares", {}, el("h4", {}, "Adds up from"), ways.map(({to, contribution: {share, norm}}) => {
    const bar = el("span.bar", {"aria-hidden": "true"});
    if (typeof share === "number") bar.style.setProperty("--share", `${Math.min(Math.abs(share), 1) * 100}%`);
    if (share < 0) bar.classList.add("against");
    return el("div", {}, nodeLink(model.nodes.get(to), go), bar, el("span.figure", {}, typeof share === "number" ? percent(share) : `norm ${num(norm)}`));
  }));
}
