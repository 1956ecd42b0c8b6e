// Walks through the program forward, op by op, and then back: what arrives at a record, the rule, what it adds where.

class Stepper {
  constructor(doc, model, graph, go) {
    Object.assign(this, {doc, model, graph, go, at: 0, steps: doc.steps ?? [], timer: null});
    this.forward = this.steps.filter((s) => s.phase === "forward").length;
    const slider = byId("slider");
    slider.max = this.steps.length;
    slider.style.setProperty("--split", `${(100 * this.forward) / Math.max(this.steps.length, 1)}%`);
    slider.addEventListener("input", () => this.to(Number(slider.value)));
    byId("first").onclick = () => this.to(0);
    byId("previous").onclick = () => this.to(this.at - 1);
    byId("next").onclick = () => this.to(this.at + 1);
    byId("last").onclick = () => this.to(this.steps.length);
    byId("turn").onclick = () => this.to(this.forward + 1);
    byId("play").onclick = () => this.play();
    byId("stepper").classList.toggle("none", !this.steps.length);
    this.card();
  }

  play(on = this.timer === null) {
    clearInterval(this.timer);
    this.timer =
      on && this.steps.length
        ? setInterval(() => (this.at < this.steps.length ? this.to(this.at + 1, true) : this.play(false)), 1100)
        : null;
    byId("play").setAttribute("aria-pressed", String(this.timer !== null));
    byId("play").setAttribute("aria-label", this.timer === null ? "Play" : "Pause");
  }

  to(at, playing = false) {
    if (!playing) this.play(false);
    at = Math.min(Math.max(at, 0), this.steps.length);
    if (at === this.at) return;
    this.at = at;
    const step = this.steps[at - 1];
    this.mark();
    this.card();
    if (this.graph.fitted) this.graph.fit(); // the card may have taken some room
    if (step) this.go.follow(step.node);
    byId("said").textContent = this.spoken();
  }

  /** Mark the graph: what has run, what holds a cotangent, where the step is, what it reads or adds to. */
  mark() {
    const {graph, steps, at} = this;
    const step = steps[at - 1];
    const back = step?.phase === "backward";
    const done = steps.slice(0, at);
    const swept = done.filter((s) => s.phase === "backward");
    graph.svg.classList.toggle("stepping", at > 0);
    graph.mark(
      "ran",
      done.filter((s) => s.phase === "forward").map((s) => s.node),
    );
    graph.mark(
      "swept",
      swept.map((s) => s.node),
    );
    graph.mark(
      "holds",
      swept.flatMap((s) => s.contributions.map((c) => c.to)),
    );
    graph.mark("now-forward", step && !back ? [step.node] : []);
    graph.mark("now-backward", back ? [step.node] : []);
    graph.mark("receives", back ? step.contributions.map((c) => c.to) : []);
    graph.markLinks("flows", step && !back ? this.model.nodes.get(step.node).reads.map((e) => e.id) : []);
    graph.markLinks("returns", back ? step.contributions.map((c) => c.edge) : []);
  }

  where() {
    const {at, forward, steps} = this;
    if (!at) return "Start";
    return at <= forward ? `Forward ${at} of ${forward}` : `Backward ${at - forward} of ${steps.length - forward}`;
  }

  spoken() {
    const step = this.steps[this.at - 1];
    if (!step) return "Start: nothing has run.";
    const node = this.model.nodes.get(step.node);
    const what = node.op ? `${called(node)} = ${calls(node)}` : called(node);
    if (step.phase === "forward")
      return `${this.where()}. ${what}. ${node.value ? `Norm ${num(node.value.norm)}.` : ""}`;
    const adds = step.contributions.map((c) => {
      const how = c.adds ? `added to what is there, norm now ${num(c.total?.norm)}` : "the first to arrive";
      const to = called(this.model.nodes.get(c.to));
      return `Rule ${plain(c.code ?? "")} gives ${to} norm ${num(c.contribution.norm)}, ${how}.`;
    });
    const arrived = `${this.where()}. At ${what} arrives a cotangent of norm ${num(step.cotangent?.norm)}.`;
    return [arrived, ...adds, node.op ? "" : "It is the gradient."].join(" ").trim();
  }

  card() {
    const {doc, at, forward, steps} = this;
    const step = steps[at - 1];
    const node = step && this.model.nodes.get(step.node);
    const slider = byId("slider");
    slider.value = at;
    slider.setAttribute("aria-valuetext", step ? `${this.where()}: ${called(node)}` : "Start");
    byId("position").textContent = this.where();
    byId("stepper").dataset.phase = step?.phase ?? "start";
    for (const id of ["first", "previous"]) byId(id).disabled = at === 0;
    for (const id of ["next", "last"]) byId(id).disabled = at === steps.length;
    byId("turn").disabled = forward === steps.length;
    byId("step").replaceChildren(
      ...(!step
        ? this.opening()
        : step.phase === "forward"
          ? this.stepForward(step, node)
          : this.stepBackward(step, node)),
    );
  }

  opening() {
    if (!this.steps.length) {
      const why = this.doc.has.includes("grads")
        ? "of a graph this large the page holds the picture alone."
        : "they are there when the graph is drawn with its gradients, draw(..., grads=True).";
      return [el("p.dim", {}, `No steps: ${why}`)];
    }
    const back = this.steps.length - this.forward;
    return [
      el(
        "p.opening",
        {},
        `Walk through ${cut(plain(this.doc.title))}: `,
        `${count(this.forward, "op")} forward, then ${count(back, "cotangent")} back. `,
        el("span.dim", {}, "Press → or the buttons; B starts the backward pass."),
      ),
    ];
  }

  heading(node) {
    const text = node.source?.text;
    return el(
      "div.what",
      {},
      el(
        "h2",
        {},
        link(called(node), () => this.go.select(node.id)),
        node.op ? el("code", {}, ` = ${cut(calls(node))}`) : null,
      ),
      node.source
        ? el(
            "p.where",
            {},
            `${plain(node.source.file).split(/[\\/]/).pop()}:${node.source.line}`,
            text ? el("code", {}, cut(plain(text), 90)) : null,
          )
        : el("p.where", {}, node.op ? "" : node.kind),
    );
  }

  stepForward(step, node) {
    const reads = step.reads.map((id) => this.model.nodes.get(id)).filter(Boolean);
    return [
      this.heading(node),
      column(
        "Reads",
        reads.length
          ? el(
              "ul",
              {},
              reads.map((n) =>
                el(
                  "li",
                  {},
                  link(called(n), () => this.go.select(n.id)),
                  glance(n.value, called(n), 84),
                ),
              ),
            )
          : el("p.dim", {}, "nothing but numbers"),
      ),
      column("Computes", el("p.formula", {}, formula(this.doc, node.formula, node.code ?? node.call))),
      column("Gives", el("p", {}, el("b", {}, called(node)), glance(node.value, called(node)))),
    ];
  }

  stepBackward(step, node) {
    const result = [...this.model.nodes.values()].find((n) => n.result && n.name !== null);
    const gradient = result ? `∂${cut(plain(result.name), 16)}/∂${called(node)}` : `cotangent of ${called(node)}`;
    const arrives = column(
      "Arrives",
      el("p", {}, el("b", {}, gradient), glance(step.cotangent, `the cotangent of ${called(node)}`)),
    );
    if (!step.contributions.length) {
      const said = node.op
        ? "Nothing behind it needs a gradient."
        : "A leaf: all that is to come has arrived. This is its gradient.";
      return [this.heading(node), arrives, column("Ends here", el("p", {}, said))];
    }
    const rows = step.contributions.map((c) => {
      const to = this.model.nodes.get(c.to);
      const total = c.adds
        ? ["on top of what is there, ‖·‖ now ", el("b", {}, num(c.total?.norm))]
        : "the first to arrive";
      return el(
        "tr",
        {},
        el("td.formula", {}, formula(this.doc, c.formula, c.code)),
        el("td", {}, glance(c.contribution, `what ${called(to)} is given`, 84)),
        el(
          "td",
          {},
          el(
            "b",
            {},
            link(called(to), () => this.go.select(to.id)),
          ),
          el("div.dim", {}, total),
        ),
      );
    });
    const head = ["Rule", "Gives", "Adds it to"].map((t) => el("th", {scope: "col"}, t));
    return [
      this.heading(node),
      arrives,
      el(
        "div.column.wide",
        {tabindex: 0, role: "region", "aria-label": "What the rules add"},
        el("table.adds", {}, el("thead", {}, el("tr", {}, head)), el("tbody", {}, rows)),
      ),
    ];
  }
}

const column = (title, ...content) => el("div.column", {}, el("h3", {}, title), content);
