// What stands beside the graph: lists that are walked with keys, and a node in full.

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
    this.made = rows.map((row, i) =>
      el(
        `div.row${row.class ? `.${row.class}` : ""}`,
        {id: `${place.id}-${i}`, role: "option", "aria-selected": "false"},
        row.parts,
      ),
    );
    place.replaceChildren(...this.made);
    place.onclick = (event) => {
      const i = this.made.indexOf(event.target.closest(".row"));
      if (i >= 0) this.go(i);
    };
    place.onkeydown = (event) => {
      const to = {
        ArrowDown: this.at + 1,
        ArrowUp: this.at - 1,
        Home: 0,
        End: rows.length - 1,
        PageDown: this.at + 10,
        PageUp: this.at - 10,
      }[event.key];
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

/** A node as a row of the tape, or of what was found. */
function tapeRow(node) {
  const name = plain(node.name ?? node.label ?? "");
  const text = node.op
    ? [
        node.name === null ? "" : el("b", {}, cut(name)),
        `${node.name === null ? "" : " = "}${cut(plain(node.code ?? node.call), 90)}`,
      ]
    : [el("b", {}, cut(name)), el("span.dim", {}, ` ${node.kind}`)];
  const sign = node.verdict
    ? el(`span.sign.${statusClass(node.verdict.status)}`, {title: plain(node.verdict.text)}, node.verdict.symbol)
    : el("span.sign", {});
  return {
    id: node.id,
    parts: [
      el("span.number", {}, node.op ? plain(node.label ?? "") : ""),
      el("code", {}, text),
      sign,
      el("span.type", {}, typeOf(node)),
    ],
  };
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
    el("p.kind", {}, "scope"),
    el("h2", {}, scopeTitle(scope)),
    el("p.dim", {}, `${plain(scope.path)}, ${count(scope.ops, "op")}`),
    el(
      "p",
      {},
      el("button", {type: "button", onclick: () => go.toggle(scope.id)}, closed ? "Open scope" : "Close scope"),
    ),
    section(
      "Scopes in it",
      inner.length
        ? el(
            "ul.refs",
            {},
            inner.map((c) =>
              el(
                "li",
                {},
                link(scopeTitle(c), () => go.select(c.id)),
              ),
            ),
          )
        : null,
    ),
    section(
      "In it",
      members.length
        ? el(
            "ul.refs",
            {},
            members.slice(0, 60).map((n) => el("li", {}, nodeLink(n, go))),
          )
        : null,
    ),
  ];
}

const link = (text, onclick) => el("button.link", {type: "button", onclick}, text);
const nodeLink = (node, go) =>
  link([el("b", {}, called(node)), node.op ? ` = ${cut(calls(node))}` : ` ${node.kind}`].flat(), () =>
    go.select(node.id),
  );

function inspectedNode(doc, model, node, go) {
  const {verdict, source, saved} = node;
  const around = scopesOf(model, node);
  const ways = node.reads.filter((e) => e.rule);
  const facts = [
    ["shape", several(node) ? node.shape.map(shapeText).join(", ") : node.shape ? shapeText(node.shape) : null],
    ["dtype", several(node) ? node.dtype.join(", ") : node.dtype],
    ["on the tape", node.label ? plain(node.label) : null],
    [
      "scope",
      around.length ? around.flatMap((c, i) => [i ? " / " : "", link(scopeTitle(c), () => go.select(c.id))]) : null,
    ],
    [
      "kept for backward",
      saved?.bytes ? `${bytes(saved.bytes)} (${saved.what.map(plain).join(", ")})` : saved ? "nothing" : null,
    ],
    ["one run", typeof node.seconds === "number" ? seconds(node.seconds) : null],
    ["gradient", node.differentiable ? null : "none flows through"],
  ].filter(([, v]) => v !== null && v !== undefined && v !== "");
  return [
    el(
      "p.kind",
      {},
      el(
        `span.chip.${node.kind}`,
        {},
        KINDS[node.kind] ?? node.kind,
        node.result && node.kind !== "output" ? ", result" : "",
      ),
    ),
    el("h2", {}, cut(plain(node.name ?? node.call ?? node.label), 200)),
    node.op && node.name !== null ? el("p.call", {}, el("code", {}, cut(calls(node), 200))) : null,
    verdict
      ? el(
          `p.verdict.${statusClass(verdict.status)}`,
          {},
          el("b", {}, `${verdict.symbol} ${verdict.status}`),
          ` ${plain(verdict.text)}`,
        )
      : null,
    el(
      "dl.rows",
      {},
      facts.map(([k, v]) => el("div", {}, el("dt", {}, k), el("dd", {}, v))),
    ),
    source
      ? section(
          "Source",
          el("p.where", {}, `${plain(source.file)}:${source.line}`),
          source.text ? el("pre", {}, el("code", {}, cut(plain(source.text), 400))) : null,
        )
      : null,
    node.op
      ? section(
          "Formula",
          el("p.formula", {}, formula(doc, node.formula, node.code ?? node.call)),
          node.formula && doc.mathml?.[node.formula] && node.code
            ? el("p.dim", {}, el("code", {}, plain(node.code)))
            : null,
        )
      : null,
    node.primal ? section("Cotangent of", el("p", {}, nodeLink(model.nodes.get(node.primal), go))) : null,
    section(
      "Made by",
      ways.length
        ? el(
            "ul.rules",
            {},
            ways.map((e) =>
              el(
                "li",
                {},
                el(
                  "span.to",
                  {},
                  "rule of ",
                  link(called(model.nodes.get(e.rule.node)), () => go.select(e.rule.node)),
                ),
                el("span.formula", {}, formula(doc, e.rule.formula, e.rule.code)),
              ),
            ),
          )
        : null,
    ),
    rulesOf(doc, model, node, go),
    node.value
      ? section("Value", arrayView(node.value, called(node)))
      : node.missing
        ? section("Value", el("p.dim", {}, plain(node.missing)))
        : null,
    node.cotangent
      ? section("Cotangent", arrayView(node.cotangent, `the cotangent of ${called(node)}`), sharesOf(model, node, go))
      : null,
    section(
      "Reads",
      node.reads.length
        ? el(
            "ul.refs",
            {},
            node.reads.map((e) => el("li", {}, nodeLink(model.nodes.get(e.from), go))),
          )
        : null,
    ),
    section(
      "Read by",
      node.readers.length
        ? el(
            "ul.refs",
            {},
            node.readers.slice(0, 60).map((e) => el("li", {}, nodeLink(model.nodes.get(e.to), go))),
          )
        : null,
    ),
  ];
}

/** The local rule for each argument, as the backward step of the node ran it. */
function rulesOf(doc, model, node, go) {
  const step = doc.steps?.find((s) => s.phase === "backward" && s.node === node.id);
  const rules = step?.contributions.map((c) =>
    el(
      "li",
      {},
      el(
        "span.to",
        {},
        "to ",
        link(called(model.nodes.get(c.to)), () => go.select(c.to)),
      ),
      el("span.formula", {}, formula(doc, c.formula, c.code)),
    ),
  );
  return section("Local rule", rules?.length ? el("ul.rules", {}, rules) : null);
}

/** Where a cotangent comes from, and how much of it each way brings. */
function sharesOf(model, node, go) {
  const ways = node.readers.filter((e) => e.contribution);
  if (ways.length < 2) return null;
  return el(
    "div.shares",
    {},
    el("h4", {}, "Adds up from"),
    ways.map(({to, contribution: {share, norm}}) => {
      const bar = el("span.bar", {"aria-hidden": "true"});
      if (typeof share === "number") bar.style.setProperty("--share", `${Math.min(Math.abs(share), 1) * 100}%`);
      if (share < 0) bar.classList.add("against");
      return el(
        "div",
        {},
        nodeLink(model.nodes.get(to), go),
        bar,
        el("span.figure", {}, typeof share === "number" ? percent(share) : `norm ${num(norm)}`),
      );
    }),
  );
}
