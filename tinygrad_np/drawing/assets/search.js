// The search: every word asked for is in a node's name, op, number or scope; closed scopes are searched too.

const MOST_FOUND = 100; // rows that are listed; all that is found is marked

class Search {
  /** `reveal(id)` is called when one that was found is gone to. */
  constructor(doc, graph, reveal) {
    Object.assign(this, {doc, graph, reveal, field: byId("search"), found: [], options: [], at: -1});
    const texts = (n) => [n.name, n.op, n.call, n.label, n.scope].filter((t) => typeof t === "string");
    this.words = new Map(doc.nodes.map((n) => [n.id, texts(n).join(" ").toLowerCase()]));
    this.field.addEventListener("input", () => this.run());
    this.field.addEventListener("focus", () => this.open(this.field.value.trim() !== ""));
    this.field.addEventListener("blur", () => this.open(false));
    this.field.addEventListener("keydown", (event) => this.key(event));
  }

  run() {
    const asked = this.field.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
    const fits = (n) => asked.every((word) => this.words.get(n.id).includes(word));
    const exact = (n) => [n.name, n.op].some((t) => t?.toLowerCase() === asked[0]);
    this.found = asked.length ? this.doc.nodes.filter(fits) : [];
    this.found.sort((a, b) => exact(b) - exact(a)); // stable: else as on the tape
    this.at = -1;
    this.options = this.found.slice(0, MOST_FOUND).map((node, i) => this.option(node, i));
    const none = asked.length && !this.found.length ? [el("p.dim", {}, "No name and no op like that.")] : [];
    byId("found").replaceChildren(...this.options, ...none);
    byId("found-count").textContent = asked.length ? `${this.found.length.toLocaleString("en")} found` : "";
    this.open(asked.length > 0);
    this.mark();
  }

  option(node, i) {
    const onmousedown = (event) => {
      event.preventDefault(); // the field keeps the focus
      this.go(i);
    };
    return el(
      "div.row",
      {role: "option", id: `found-${i}`, "aria-selected": "false", onmousedown},
      tapeRow(node).parts,
    );
  }

  mark() {
    const ids = this.found.map((n) => n.id);
    this.graph.svg.classList.toggle("searching", this.field.value.trim() !== "");
    this.graph.mark("hit", ids);
  }

  open(on) {
    byId("found").hidden = !on;
    this.field.setAttribute("aria-expanded", String(on));
    if (!on) this.field.removeAttribute("aria-activedescendant");
  }

  async go(i) {
    if (!this.found.length) return;
    this.options[this.at]?.setAttribute("aria-selected", "false");
    this.at = (i + this.options.length) % this.options.length;
    const option = this.options[this.at];
    option.setAttribute("aria-selected", "true");
    option.scrollIntoView({block: "nearest"});
    this.field.setAttribute("aria-activedescendant", option.id);
    byId("found-count").textContent = `${this.at + 1} of ${this.found.length.toLocaleString("en")}`;
    await this.reveal(this.found[this.at].id);
  }

  key(event) {
    const {key} = event;
    if (key === "Escape") {
      this.field.value = "";
      this.run();
      this.field.blur();
    } else if (key === "ArrowDown" || (key === "Enter" && !event.shiftKey)) this.go(this.at + 1);
    else if (key === "ArrowUp" || key === "Enter") this.go(this.at - 1);
    else return;
    event.preventDefault();
  }
}
