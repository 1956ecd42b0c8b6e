// The page: reads the document, and joins graph, lists, stepper and search.

const darkNow = () => {
  const {theme, printing} = document.documentElement.dataset;
  if (printing) return false;
  return theme ? theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
};
const CROWD = 400; // more boxes than that, and scopes start closed

const packed = Uint8Array.from(atob(byId("data").textContent), (c) => c.charCodeAt(0));
const doc = await new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"))).json();
const model = modelOf(doc);
let chosen = null;
let lists = {};

const notes = [...doc.notes];
if (doc.nodes.length > CROWD && doc.clusters.length) {
  const outer = doc.clusters.filter((c) => c.parent === null);
  outer.forEach((c) => model.closed.add(c.id));
  notes.push(`${count(doc.nodes.length, "node")}: scopes start closed.`);
}

const go = {
  /** Choose a node or a scope, or nothing: show it in full and mark it everywhere. */
  select(id, {quiet = false} = {}) {
    if (id !== null && !model.nodes.has(id) && !model.clusters.has(id)) return;
    chosen = id;
    graph.select(id);
    const inspector = byId("inspector");
    inspector.replaceChildren(
      ...(id === null
        ? [el("p.dim.empty", {}, "Choose a node to see its value, its cotangent and its rule.")]
        : inspected(doc, model, id, go).filter(Boolean)),
    );
    inspector.scrollTop = 0;
    lists.tape.mark(tape.findIndex((n) => n.id === id));
    if (lists.report) lists.report.mark(lists.report.rows.findIndex((row) => row.nodes.includes(id)));
    if (id !== null) graph.show(id);
    if (id !== null && !quiet)
      byId("said").textContent = `${byId("inspector").querySelector("h2").textContent} chosen.`;
  },
  /** Choose a node wherever it is: scopes around it are opened. */
  async reveal(id) {
    const node = model.nodes.get(id);
    const shut = node ? scopesOf(model, node).filter((c) => model.closed.has(c.id)) : [];
    shut.forEach((c) => model.closed.delete(c.id));
    if (shut.length) await redraw(shut[0].id);
    go.select(id);
  },
  /** The stepper goes to a node: shown, and chosen; closed scopes stay closed. */
  follow(id) {
    go.select(id, {quiet: true});
  },
  async toggle(id) {
    const scope = model.clusters.get(id);
    const open = model.closed.has(id);
    open ? model.closed.delete(id) : model.closed.add(id);
    await redraw(id);
    go.select(id, {quiet: true});
    byId("said").textContent = `Scope ${plain(scope.path)} ${open ? "opened" : "closed"}.`;
    const made = graph.world.querySelector(open ? `.group[data-scope="${id}"] .closer` : `.box[data-id="${id}"]`);
    made?.focus({preventScroll: true});
  },
  async all(open) {
    model.closed = open ? new Set() : new Set(model.clusters.keys());
    if (!(await redraw())) return;
    graph.fit();
    byId("said").textContent = open ? "All scopes opened." : "All scopes closed.";
  },
};

const graph = new Graph(model, doc, {select: (id) => go.select(id), toggle: (id) => go.toggle(id)});

async function redraw(anchor = null) {
  document.documentElement.dataset.state = "drawing";
  const drawn = await graph.draw(anchor);
  if (!drawn) return false;
  stepper.mark();
  search.mark();
  graph.select(chosen);
  byId("layout-note").textContent = graph.laid.note;
  document.documentElement.dataset.state = "ready";
  return true;
}

// ---- Lists beside the graph ----

const tape = doc.nodes.filter((n) => n.phase === "forward" && n.kind !== "elided");

/** The audited source with its verdicts, or the rows of a comparison; each row leads to its nodes. */
function reportRows(report) {
  const sign = (status) => doc.signs[status] ?? "";
  if (report.lines) {
    return report.lines.map((line) => ({
      nodes: line.nodes ?? [],
      class: `line.${statusClass(line.status)}${line.status === "wrong" ? ".found" : ""}`,
      parts: [
        el("span.number", {}, String(line.number)),
        el("span.sign", {title: line.status, "aria-hidden": "true"}, sign(line.status)),
        line.status ? el("span.unseen", {}, `${line.status}:`) : null,
        el("code", {}, plain(line.text.replace(/\t/g, "    "))),
        line.note ? el("span.note", {}, plain(line.note)) : null,
      ].filter(Boolean),
    }));
  }
  return report.rows.map((row) => ({
    nodes: row.nodes ?? [],
    class: `verdicts.${statusClass(row.verdict)}`,
    parts: [
      el("span.sign", {"aria-hidden": "true"}, sign(row.verdict)),
      el("b", {}, cut(plain(row.name))),
      el("span.verdict-word", {}, row.verdict),
      el("span.figure", {}, row.max_abs === null ? "" : `max |Δ| ${num(row.max_abs)}`),
      row.hint ? el("span.note", {}, plain(row.hint)) : null,
    ].filter(Boolean),
  }));
}

function finding(f) {
  const change = [
    el("del", {}, plain(f.statement).trim()),
    f.suggestion ? el("ins", {}, f.suggestion.split("\n").map(plain).join("\n")) : null,
  ];
  const line = doc.report.lines?.find((l) => l.number === f.line);
  return el(
    "li",
    {},
    el(
      "h2",
      {},
      line ? link(`line ${f.line}`, () => lists.report.go(doc.report.lines.indexOf(line))) : `line ${f.line}`,
      `: ${plain(f.kind)}`,
    ),
    el("p", {}, plain(f.explanation)),
    el("pre", {}, change.filter(Boolean)),
  );
}

function fillLists() {
  lists.tape = new List(byId("tape"), "The tape: every record", tape.map(tapeRow), (row) => go.reveal(row.id));
  const {report} = doc;
  byId("report-tab").hidden = !report;
  if (report) {
    byId("report-tab").textContent = report.lines ? "Audit" : "Comparison";
    const good = report.findings
      ? !report.findings.length
      : report.rows.every((row) => ["exact", "rounding", "kink"].includes(row.verdict));
    byId("verdict").className = good ? "chip good" : "chip bad";
    byId("verdict").hidden = false;
    byId("verdict").textContent = `${good ? "✓" : "✗"} ${plain(report.summary)}`;
    byId("findings").replaceChildren(...(report.findings ?? []).map(finding));
    byId("report-notes").replaceChildren(...(report.notes ?? []).map((note) => el("p", {}, plain(note))));
    lists.report = new List(
      byId("report"),
      report.lines ? "The audited source, line by line" : "Gradients compared",
      reportRows(report),
      async (row) => {
        const at = lists.report.at;
        if (row.nodes.length) await go.reveal(row.nodes.at(-1));
        graph.mark("hit", row.nodes);
        lists.report.mark(at);
      },
    );
  }
  byId("notes").replaceChildren(...notes.map((note) => el("p", {}, plain(note))));
  showTab(report ? "report" : "tape");
}

function showTab(name) {
  for (const which of ["report", "tape"]) {
    byId(`${which}-tab`).setAttribute("aria-selected", String(which === name));
    byId(`${which}-tab`).tabIndex = which === name ? 0 : -1;
    byId(`${which}-panel`).hidden = which !== name;
  }
  const list = lists[name];
  list?.mark(list.at);
}

// ---- Buttons and keys ----

const search = new Search(doc, graph, (id) => go.reveal(id));
const stepper = new Stepper(doc, model, graph, go);
const help = byId("help");
const theme = () => {
  const next = {undefined: darkNow() ? "light" : "dark", light: "dark", dark: "light"}[
    document.documentElement.dataset.theme
  ];
  document.documentElement.dataset.theme = next;
  recolour();
};
function recolour() {
  stepper.card();
  const {scrollTop} = byId("inspector");
  if (chosen !== null) byId("inspector").replaceChildren(...inspected(doc, model, chosen, go).filter(Boolean));
  byId("inspector").scrollTop = scrollTop;
}
const buttons = {
  fit: () => graph.fit(),
  closer: () => graph.zoom(1.3),
  farther: () => graph.zoom(1 / 1.3),
  theme,
  open: () => go.all(true),
  close: () => go.all(false),
  keys: () => help.showModal(),
  "report-tab": () => showTab("report"),
  "tape-tab": () => showTab("tape"),
};
for (const [id, act] of Object.entries(buttons)) byId(id).addEventListener("click", act);
for (const id of ["report-tab", "tape-tab"])
  byId(id).addEventListener("keydown", (event) => {
    if (!["ArrowLeft", "ArrowRight"].includes(event.key) || !doc.report) return;
    event.preventDefault();
    const other = id === "tape-tab" ? "report" : "tape";
    showTab(other);
    byId(`${other}-tab`).focus();
  });
byId("open").hidden = byId("close").hidden = !doc.clusters.length;

const keys = {
  n: () => stepper.to(stepper.at + 1),
  ArrowRight: () => stepper.to(stepper.at + 1),
  p: () => stepper.to(stepper.at - 1),
  ArrowLeft: () => stepper.to(stepper.at - 1),
  b: () => stepper.to(stepper.forward + 1),
  Home: () => stepper.to(0),
  End: () => stepper.to(stepper.steps.length),
  " ": () => stepper.play(),
  "/": () => search.field.select(),
  f: () => graph.fit(),
  "+": () => graph.zoom(1.3),
  "=": () => graph.zoom(1.3),
  "-": () => graph.zoom(1 / 1.3),
  o: () =>
    chosen !== null && go.toggle(model.clusters.has(chosen) ? chosen : (model.nodes.get(chosen).cluster ?? chosen)),
  t: theme,
  "?": () => help.showModal(),
  Escape: () => go.select(null),
};
document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || help.open) return;
  const {target} = event;
  if (target === search.field) return;
  const own = target.matches?.("input[type=range]") && /^(Arrow|Home|End)/.test(event.key);
  const pressed = event.key === " " && target.closest?.("button");
  if (own || pressed) return;
  const act = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!act) return;
  if (event.key === "o" && chosen !== null && !model.clusters.has(chosen) && !model.nodes.get(chosen).cluster) return;
  event.preventDefault();
  act();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", recolour);
new ResizeObserver(() => {
  if (graph.fitted && !matchMedia("print").matches) graph.fit(); // after printing all is as large as before
}).observe(byId("graph"));

// ---- On paper: the whole graph, light ----

for (const [when, printing] of [
  ["beforeprint", true],
  ["afterprint", false],
]) {
  addEventListener(when, () => {
    if (printing) document.documentElement.dataset.printing = "1";
    else delete document.documentElement.dataset.printing;
    graph.print(printing);
    recolour();
  });
}

// ---- Start ----

document.title = `${cut(plain(doc.title), 80)} · computation graph`;
byId("title").textContent = cut(plain(doc.title), 60);
byId("counts").textContent = [
  count(doc.counts.ops, "op"),
  `${doc.counts.leaves.toLocaleString("en")} ${doc.counts.leaves === 1 ? "leaf" : "leaves"}`,
  doc.counts.left_out ? `${doc.counts.left_out.toLocaleString("en")} not shown` : "",
]
  .filter(Boolean)
  .join(", ");
const kinds = new Set(doc.nodes.map((n) => n.kind));
const words = {
  parameter: "parameter",
  input: "input",
  constant: "constant",
  op: "operation",
  output: "result",
  cotangent: "cotangent",
};
byId("legend").replaceChildren(
  ...Object.entries(words)
    .filter(([kind]) => kinds.has(kind))
    .map(([kind, text]) => legendItem(kind, text)),
  ...doc.legend
    .filter((l) => l.symbol && doc.nodes.some((n) => n.verdict?.status === l.sign))
    .map((l) => el("span.key", {}, el(`b.sign.${statusClass(l.sign)}`, {}, l.symbol), l.text)),
);
function legendItem(kind, text) {
  const shape = svg("g", {class: `box ${kind}`}, svg("path", {class: "shape", d: outline(kind, 26, 15)}));
  return el(
    "span.key",
    {},
    svg("svg", {viewBox: "-2 -2 30 19", width: 30, height: 19, "aria-hidden": "true"}, shape),
    text,
  );
}
fillLists();
go.select(null, {quiet: true});
redraw().then(() => graph.start());
