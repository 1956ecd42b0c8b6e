// What of the graph is visible, and where it stands.
//
// A closed scope is one box. A leaf that many ops read stands beside each of them: long edges hide the rest. Graphviz
// lays the boxes out in a worker, so that the page answers while it works; it is given sizes only, no text of the user.

const MOST_EDGES = 4; // a leaf with more readers is drawn beside each
const MOST_LABELS = 600; // with more links their labels are no longer laid out: each takes a row of its own
const PATIENCE = 20000; // ms, before a layout is given up
const LEAVES = new Set(["parameter", "input", "constant"]);
const BOX = {height: 40, leaf: 34, pad: 26, least: 74, most: 280};

// ---- The model: the document, with its links in both directions ----

function modelOf(doc) {
  const nodes = new Map(doc.nodes.map((n) => [n.id, {...n, reads: [], readers: []}]));
  const clusters = new Map(doc.clusters.map((c) => [c.id, c]));
  const edges = doc.edges.filter((e) => nodes.has(e.from) && nodes.has(e.to));
  for (const e of edges) {
    nodes.get(e.to).reads.push(e);
    nodes.get(e.from).readers.push(e);
  }
  const startsClosed = (c) => c.collapsed || c.fold_of !== null;
  return {nodes, clusters, edges, closed: new Set([...clusters.values()].filter(startsClosed).map((c) => c.id))};
}

/** The scopes around a node, outermost first. */
function scopesOf(model, node) {
  const path = [];
  for (let c = model.clusters.get(node.cluster); c; c = model.clusters.get(c.parent)) path.unshift(c);
  return path;
}

/** The node itself, or the outermost closed scope it is in. */
function shownAs(model, node) {
  const closed = scopesOf(model, node).find((c) => model.closed.has(c.id));
  return closed ? closed.id : node.id;
}

// ---- What is visible ----

function visible(model) {
  const boxes = new Map();
  const place = new Map(); // node -> key of its box
  for (const node of model.nodes.values()) {
    const key = shownAs(model, node);
    place.set(node.id, key);
    if (boxes.has(key)) continue;
    const scope = key === node.id ? null : model.clusters.get(key);
    const around = scope ? scope.parent : node.cluster;
    boxes.set(key, sized({key, node: scope ? null : node, scope, around}));
  }
  const links = new Map();
  for (const e of model.edges) {
    const from = place.get(e.from),
      to = place.get(e.to);
    if (from === to) continue;
    const key = `${from} ${to}`;
    if (!links.has(key)) links.set(key, {key, from, to, edges: []});
    links.get(key).edges.push(e);
  }
  const readers = new Map();
  for (const link of links.values()) readers.set(link.from, (readers.get(link.from) ?? 0) + 1);
  for (const [key, many] of readers) {
    const {node} = boxes.get(key);
    if (many <= MOST_EDGES || !node || !LEAVES.has(node.kind) || node.result) continue;
    for (const link of links.values()) {
      if (link.from !== key) continue;
      link.from = `${key}@${link.to}`;
      boxes.set(link.from, {...boxes.get(key), key: link.from, around: boxes.get(link.to).around, places: many});
    }
    boxes.delete(key);
  }
  for (const link of links.values()) {
    const scopes = [link.from, link.to].some((key) => boxes.get(key).scope);
    link.label = scopes ? (link.edges.length > 1 ? `${link.edges.length} edges` : "") : labelOf(link);
    link.labelWidth = link.label ? textWidth(link.label, "11px") + 10 : 0;
  }
  return {boxes, links: [...links.values()]};
}

function labelOf({edges}) {
  if (edges.length > 3) return `${edges.length} edges`;
  const said = edges.map((e) => {
    const share = e.contribution?.share;
    return [e.label, typeof share === "number" ? `∂ ${percent(share)}` : ""].filter(Boolean).join(" · ");
  });
  return cut(said.filter(Boolean).join(", "), 36);
}

function sized(box) {
  const {node, scope} = box;
  box.title = scope ? {name: scope.name, rest: ""} : titleOf(node);
  box.below = scope ? `${count(scope.ops, "op")}, closed` : typeOf(node);
  const wide = Math.max(
    textWidth(box.title.name, "600 13px") + textWidth(box.title.rest, "13px"),
    textWidth(box.below, "11px"),
  );
  const verdict = node?.verdict ? 14 : 0;
  box.width = Math.min(Math.max(Math.ceil(wide) + BOX.pad + (scope ? 18 : verdict), BOX.least), BOX.most);
  box.height = node && LEAVES.has(node.kind) ? BOX.leaf : BOX.height;
  return box;
}

// ---- Graphviz ----

/** DOT with sizes and numbers only. Keys are numbered: `n3`, `e7`, `cluster_2`. */
function dotOf(model, {boxes, links}, direction) {
  const names = new Map([...boxes.keys()].map((key, i) => [key, `n${i}`]));
  const scopes = [...model.clusters.keys()];
  const inside = new Map();
  for (const box of boxes.values()) {
    for (let c = box.around, child = null; c; child = c, c = model.clusters.get(c).parent) {
      if (!inside.has(c)) inside.set(c, {boxes: [], scopes: new Set()});
      child === null ? inside.get(c).boxes.push(box) : inside.get(c).scopes.add(child);
    }
  }
  const size = (w, h) => `width=${(w / 72).toFixed(3)} height=${(h / 72).toFixed(3)}`;
  const table = '<table border="0" cellborder="0" cellpadding="0" cellspacing="0">';
  const space = (w, h) => `<${table}<tr><td fixedsize="true" width="${Math.ceil(w)}" height="${h}"></td></tr></table>>`;
  const node = (box) => `${names.get(box.key)}[${size(box.width, box.height)}]`;
  const group = (id) => {
    const label = space(textWidth(scopeTitle(model.clusters.get(id)), "600 12px") + 30, 16);
    const {boxes: own, scopes: inner} = inside.get(id);
    const parts = [...own.map(node), ...[...inner].map(group)];
    return `subgraph cluster_${scopes.indexOf(id)}{label=${label};labeljust=l;margin=12;${parts.join(";")}}`;
  };
  const outer = [...inside.keys()].filter((id) => model.clusters.get(id).parent === null);
  const edges = links.map((link, i) => {
    const label = link.label && links.length <= MOST_LABELS ? `,label=${space(link.labelWidth, 14)}` : "";
    const weight = LEAVES.has(boxes.get(link.from).node?.kind) ? 1 : 4; // ops run straight, leaves stand beside them
    return `${names.get(link.from)}->${names.get(link.to)}[id=e${i},weight=${weight}${label}]`;
  });
  // Seconds, not minutes.
  const pains = links.length > 1500 ? "nslimit=2;nslimit1=2;mclimit=.3;" : "";
  const straight = links.length > 3000 ? "splines=polyline;" : "";
  const free = [...boxes.values()].filter((box) => !box.around);
  const parts = [...free.map(node), ...outer.map(group), ...edges].join(";");
  const looks = `node[shape=box,fixedsize=true,label=""];edge[arrowsize=.6]`;
  const all = `rankdir=${direction};nodesep=.3;ranksep=.38;${pains}${straight}${looks}`;
  return `digraph{${all};${parts}}`;
}

let worker = null;
let asked = 0;

/** What Graphviz makes of DOT text, as its JSON. */
function graphviz(dot) {
  const engine = document.getElementById("engine").textContent;
  const answer = `
    let ready = null;
    onmessage = async ({data: {id, dot}}) => {
      try { postMessage({id, layout: (await (ready ??= Graphviz.load())).layout(dot, "json0", "dot")}); }
      catch (error) { postMessage({id, error: String(error)}); }
    };`;
  return new Promise((resolve, reject) => {
    const id = ++asked; // another layout may be asked for before this one is there
    const fail = (why) => {
      clearTimeout(late);
      worker?.terminate(); // after an error its memory may be in disorder
      worker = null;
      reject(new Error(why));
    };
    const hear = ({data}) => {
      if (data.id !== id) return;
      if (data.error) return fail(data.error);
      clearTimeout(late);
      worker.removeEventListener("message", hear);
      resolve(JSON.parse(data.layout));
    };
    const late = setTimeout(fail, PATIENCE, `no layout after ${PATIENCE / 1000} s`);
    try {
      worker ??= new Worker(URL.createObjectURL(new Blob([engine, answer], {type: "text/javascript"})));
    } catch (error) {
      return fail(String(error));
    }
    worker.addEventListener("message", hear);
    worker.onerror = (event) => fail(event.message);
    worker.postMessage({id, dot});
  });
}

/** Where boxes, links and open scopes stand, in pixels. */
function placed(model, shown, laid) {
  const [, , width, height] = laid.bb.split(",").map(Number);
  const point = (text) => {
    const [x, y] = text.split(",").map(Number);
    return [x, height - y];
  };
  const keys = [...shown.boxes.keys()],
    scopes = [...model.clusters.keys()];
  const groups = [];
  for (const object of laid.objects ?? []) {
    if (object.name.startsWith("cluster_")) {
      const [left, bottom, right, top] = object.bb.split(",").map(Number);
      const scope = model.clusters.get(scopes[Number(object.name.slice(8))]);
      groups.push({scope, x: left, y: height - top, width: right - left, height: top - bottom});
    } else {
      const box = shown.boxes.get(keys[Number(object.name.slice(1))]);
      [box.x, box.y] = point(object.pos);
    }
  }
  for (const edge of laid.edges ?? []) {
    const link = shown.links[Number(edge.id.slice(1))];
    const marks = edge.pos.split(" ");
    const tip = marks.find((m) => m.startsWith("e,"));
    const points = marks.filter((m) => !/^[se],/.test(m)).map(point);
    const curve = points.slice(1).map(([x, y], i) => `${i % 3 ? "" : "C"}${x} ${y}`);
    link.path = `M${points[0].join(" ")}${curve.join(" ")}${tip ? `L${point(tip.slice(2)).join(" ")}` : ""}`;
    if (link.label) link.labelAt = edge.lp ? point(edge.lp) : beside(points[points.length >> 1], link);
    link.quiet = !edge.lp; // its label may lie on others, and is shown when it matters
  }
  return {...shown, groups, width, height};
}

const beside = ([x, y], link) => [x + link.labelWidth / 2, y];

/** Rows by how far a box is from the leaves, with straight lines: plain, and needs nothing. */
function rows(shown) {
  const row = new Map([...shown.boxes.keys()].map((key) => [key, 0]));
  const into = new Map();
  for (const link of shown.links) {
    if (!into.has(link.to)) into.set(link.to, []);
    into.get(link.to).push(link.from);
  }
  for (const key of shown.boxes.keys()) {
    // in the order of the tape; a copy of a leaf comes last and stays in row 0
    const above = (into.get(key) ?? []).map((k) => row.get(k));
    if (above.length) row.set(key, Math.max(...above) + 1);
  }
  const ends = [];
  for (const [key, box] of shown.boxes) {
    const r = row.get(key);
    box.x = (ends[r] ?? 0) + box.width / 2;
    box.y = r * 90 + 24;
    ends[r] = (ends[r] ?? 0) + box.width + 30;
  }
  for (const link of shown.links) {
    const a = shown.boxes.get(link.from),
      b = shown.boxes.get(link.to);
    link.path = `M${a.x} ${a.y + a.height / 2}L${b.x} ${b.y - b.height / 2}`;
  }
  return {...shown, groups: [], width: Math.max(...ends), height: ends.length * 90};
}

/** The visible part of the graph, laid out. `note` says what to know of the layout. */
async function laidOut(model, direction) {
  const shown = visible(model);
  if (!shown.boxes.size) return {...shown, groups: [], width: 1, height: 1, note: ""};
  try {
    return {...placed(model, shown, await graphviz(dotOf(model, shown, direction))), note: ""};
  } catch (error) {
    return {...rows(shown), note: `Laid out in plain rows (${error.message}).`};
  }
}
