// How scopes, links and boxes look, and what they are called.

function scopeShape({scope, x, y, width, height}) {
  const title = svg("text", {x: x + 26, y: y + 19});
  title.textContent = scopeTitle(scope);
  const sign = svg("path", {class: "sign", d: `M${x + 12} ${y + 14.5}h8`});
  const made = svg(
    "g",
    {class: `group ${scope.phase}`, "data-scope": scope.id},
    svg("rect", {x, y, width, height, rx: 10}),
    svg(
      "g",
      {class: "closer", role: "button", tabindex: 0, "aria-label": `Close scope ${plain(scope.path)}`},
      svg("rect", {x: x + 5, y: y + 5, width: textWidth(title.textContent, "600 12px") + 30, height: 20, rx: 6}),
      sign,
      title,
    ),
  );
  return made;
}

function linkShape(link, model) {
  const made = svg("g", {class: link.quiet ? "link quiet" : "link"}, svg("path", {d: link.path}));
  if (link.labelAt) {
    const [x, y] = link.labelAt;
    const text = svg("text", {x, y: y + 4});
    text.textContent = link.label;
    made.append(text);
  }
  if (link.edges.some((e) => model.nodes.get(e.to).phase === "backward")) made.classList.add("in-backward");
  return made;
}

function boxShape(box) {
  const {node, scope, width: w, height: h} = box;
  const kind = scope ? "closed" : node.kind;
  const made = svg("g", {
    class: `box ${kind} ${node?.phase ?? scope.phase} ${node?.result ? "result" : ""}`,
    transform: `translate(${(box.x - w / 2).toFixed(1)} ${(box.y - h / 2).toFixed(1)})`,
    role: "button",
    tabindex: -1,
    "data-key": box.key,
    "data-id": node?.id ?? scope.id,
    "aria-label": spokenBox(box),
  });
  if (scope) made.append(svg("path", {class: "under", d: outline("closed", w, h), transform: "translate(4 4)"}));
  made.append(svg("path", {class: "shape", d: outline(kind, w, h)}));
  if (node?.result)
    made.append(svg("path", {class: "double", d: outline(kind, w - 6, h - 6), transform: "translate(3 3)"}));
  const name = svg("tspan", {class: "name"});
  name.textContent = box.title.name;
  const rest = svg("tspan");
  rest.textContent = box.title.rest;
  const leaf = h === BOX.leaf;
  const middle = scope ? w / 2 - 8 : w / 2;
  const title = svg("text", {x: middle, y: leaf ? 15 : 17.5}, name, rest);
  if (!node?.name && !scope && node?.op) name.classList.remove("name");
  const below = svg("text", {class: "below", x: middle, y: leaf ? 27.5 : 31.5});
  below.textContent = box.below;
  made.append(title, below);
  if (scope) made.append(svg("path", {class: "sign", d: `M${w - 16} ${h / 2}h8m-4 -4v8`}));
  if (node?.verdict) {
    const badge = svg("text", {class: "badge-sign", x: w - 3, y: 4.5});
    badge.textContent = node.verdict.symbol;
    made.append(svg("circle", {class: `badge ${statusClass(node.verdict.status)}`, cx: w - 3, cy: 0.5, r: 8.5}), badge);
  }
  const tip = svg("title");
  tip.textContent = made.getAttribute("aria-label");
  made.append(tip);
  return made;
}

function spokenBox({node, scope, places}) {
  if (scope)
    return `${scopeTitle(scope)}, ${count(scope.ops, "op")}, closed: scope ${plain(scope.path)}. Enter opens it.`;
  const name = cut(plain(node.name ?? node.label), 80);
  const said = [
    node.op ? `${name}: ${cut(calls(node), 80)}` : name,
    typeOf(node),
    node.op ? "" : node.kind,
    node.result ? "result" : "",
    places ? `drawn in ${places} places` : "",
    node.verdict ? `${node.verdict.status}: ${plain(node.verdict.text)}` : "",
  ];
  return said.filter(Boolean).join(", ");
}

/** A kind has its own outline as well as its colour, for those who do not see colours and for paper. */
function outline(kind, w, h) {
  const round = (r) => {
    const turn = `A${r} ${r} 0 0 1 `;
    return `M${r} 0H${w - r}${turn}${w} ${r}V${h - r}${turn}${w - r} ${h}H${r}${turn}0 ${h - r}V${r}${turn}${r} 0Z`;
  };
  if (kind === "parameter") return round(h / 2);
  if (kind === "input") return `M9 0H${w - 9}L${w} ${h / 2}L${w - 9} ${h}H9L0 ${h / 2}Z`;
  if (kind === "constant") return `M0 0H${w - 9}L${w} 9V${h}H0Z`;
  return round(8);
}

const LOOKS = {
  exact: "good",
  rounding: "good",
  ok: "good",
  wrong: "bad",
  shape: "bad",
  inherited: "passed",
  forward: "dim",
  "": "dim",
};
const statusClass = (status) => LOOKS[status] ?? "odd";
