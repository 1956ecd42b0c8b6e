// Words and numbers, and the page's elements. Text reaches the page as text only, never as markup.

const SVG = "http://www.w3.org/2000/svg";
const MATHML = "http://www.w3.org/1998/Math/MathML";
const LONGEST = 40; // letters of a label on the graph

/** An element: `el("button.small", {title, onclick}, ...children)`. */
function el(kind, props = {}, ...children) {
  const [tag, ...classes] = kind.split(".");
  const made = document.createElement(tag);
  if (classes.length) made.className = classes.join(" ");
  for (const [key, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.flat().filter((c) => c !== null && c !== undefined && c !== ""));
  return made;
}

function svg(tag, props = {}, ...children) {
  const made = document.createElementNS(SVG, tag);
  for (const [key, value] of Object.entries(props)) if (value !== null && value !== "") made.setAttribute(key, value);
  made.append(...children);
  return made;
}

const byId = (id) => document.getElementById(id);

/** A number in few letters; what JSON has no number for comes as text. */
function num(x) {
  if (x === null || x === undefined) return "–";
  if (typeof x !== "number") return String(x);
  if (x === 0 || (Number.isInteger(x) && Math.abs(x) < 1e6)) return String(x);
  const size = Math.abs(x);
  if (size >= 1e6 || size < 1e-4)
    return x
      .toExponential(4)
      .replace(/\.?0+e/, "e")
      .replace("e+", "e");
  return String(Number(x.toPrecision(6)));
}

/** A share of a whole. */
function percent(share) {
  const size = Math.abs(100 * share);
  if (size && size < 1) return "≈ 0 %";
  return `${Math.round(100 * share)} %`.replace("-", "−");
}

const plural = (n, one) => (n === 1 ? one : `${one}s`);
const count = (n, one) => `${n.toLocaleString("en")} ${plural(n, one)}`;
const cut = (text, most = LONGEST) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);
/** Line ends, control characters and marks that turn the direction of text, made visible. */
const plain = (text) =>
  String(text).replace(/[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu, (c) =>
    c === "\n" ? "↵" : c === "\t" ? "→" : `\\u{${c.codePointAt(0).toString(16)}}`,
  );

function bytes(n) {
  const units = ["B", "kB", "MB", "GB"];
  let i = 0;
  for (; n >= 1000 && i < units.length - 1; i++) n /= 1000;
  return `${i ? n.toPrecision(3) : n} ${units[i]}`;
}

function seconds(s) {
  return s >= 1
    ? `${s.toPrecision(3)} s`
    : s >= 1e-3
      ? `${(1e3 * s).toPrecision(3)} ms`
      : `${(1e6 * s).toPrecision(3)} µs`;
}

const several = (node) => Array.isArray(node.dtype);
const shapeText = (shape) => (shape.length ? `(${shape.join(", ")}${shape.length === 1 ? "," : ""})` : "scalar");

/** `(64, 100) float64`; of several outputs, each. */
function typeOf(node) {
  if (several(node)) return cut(node.shape.map((s, i) => `${shapeText(s)} ${node.dtype[i]}`).join(", "));
  return node.shape ? `${shapeText(node.shape)} ${node.dtype ?? ""}`.trim() : "";
}

const calls = (node) => plain(node.call ?? node.op ?? node.kind);

/** What stands on a node: the name in bold, and the op. */
function titleOf(node) {
  if (node.kind === "elided" || node.kind === "collapsed")
    return {name: cut(plain(node.name ?? node.label ?? node.kind)), rest: ""};
  if (node.kind === "cotangent") return {name: "∂", rest: ` ${cut(plain(node.name ?? node.label))}`};
  if (node.op === null || node.op === undefined)
    return {name: cut(plain(node.name ?? node.label ?? node.kind)), rest: ""};
  if (node.name === null) return {name: cut(calls(node)), rest: ""};
  return {name: cut(plain(node.name), 24), rest: ` = ${cut(calls(node), 26)}`};
}

/** What a node is called in a sentence. */
const called = (node) => cut(plain(node.name ?? node.label ?? node.id));
const scopeTitle = (scope) => cut(plain(scope.name)) + (scope.repeats > 1 ? ` × ${scope.repeats}` : "");

const pen = document.createElement("canvas").getContext("2d");
const widths = new Map();

function textWidth(text, font) {
  const key = font + text;
  if (!widths.has(key)) {
    pen.font = `${font} system-ui, sans-serif`;
    widths.set(key, pen.measureText(text).width);
  }
  return widths.get(key);
}

// ---- Formulas ----

const MATH = new Set(
  (
    "math mrow mi mn mo ms mtext mspace mfrac msqrt mroot msub msup msubsup munder mover munderover mtable mtr mtd" +
    " mstyle mpadded mphantom mmultiscripts"
  ).split(" "),
);
const MATH_ATTRIBUTES = new Set(["mathvariant", "stretchy", "display", "width", "fence", "form", "accent"]);

/** A formula as MathML where the page has it, as code where it has not. */
function formula(doc, tex, code) {
  const known = tex === null || tex === undefined ? undefined : doc.mathml?.[tex];
  if (known !== undefined) {
    const math = copied(new DOMParser().parseFromString(known, "text/xml").documentElement);
    if (math) return math;
  }
  return code || tex ? el("code", {}, plain(code || tex)) : null;
}

/** Elements of mathematics and their text; nothing else comes through. */
function copied(node) {
  if (node.nodeType === Node.TEXT_NODE) return document.createTextNode(node.data);
  if (node.nodeType !== Node.ELEMENT_NODE || !MATH.has(node.localName)) return null;
  const made = document.createElementNS(MATHML, node.localName);
  for (const {name, value} of node.attributes) if (MATH_ATTRIBUTES.has(name)) made.setAttribute(name, value);
  for (const child of node.childNodes) {
    const copy = copied(child);
    if (copy) made.append(copy);
    const names = child.localName === "mi" && child.textContent.length > 1; // "tanh a": browsers set no space there
    if (names && child.nextSibling && child.nextSibling.localName !== "mo") {
      const space = document.createElementNS(MATHML, "mspace");
      space.setAttribute("width", ".17em");
      made.append(space);
    }
  }
  return made;
}
