// The graph on the page: drawn, moved, walked through with keys, and marked by what the stepper and the search say.

const SPREAD = {min: 0.01, max: 3};
const MARGIN = 400; // pixels around the view
const FAR = 0.3; // below this scale text cannot be read and is left out

class Graph {
  /** `on.select(id)`, `on.toggle(scope id)` are called when a box is chosen, a scope opened or closed. */
  constructor(model, doc, on) {
    Object.assign(this, {
      model,
      doc,
      on,
      laid: null,
      boxes: new Map(),
      links: new Map(),
      current: null,
      pointers: new Map(),
    });
    this.svg = byId("graph");
    this.world = byId("world");
    this.view = {x: 0, y: 0, k: 1};
    this.texts = []; // what holds text, and where: out of view it is not set, for setting thousands takes time
    this.fitted = false; // the whole is shown, and nobody has moved it since
    this._listen();
  }

  /** Lay out and draw again; what stood at `anchor` stays where it is on the screen. */
  async draw(anchor = null) {
    const before = anchor ? (this.laid?.boxes.get(anchor) ?? null) : null;
    const run = (this.run = (this.run ?? 0) + 1);
    const laid = await laidOut(this.model, this.doc.direction);
    if (run !== this.run) return false; // another one has begun since
    this.laid = laid;
    this._paint();
    if (before) {
      const now = this._box(anchor) ?? {x: before.x, y: before.y};
      this.view.x += (before.x - now.x) * this.view.k;
      this.view.y += (before.y - now.y) * this.view.k;
    }
    this._move();
    return true;
  }

  _paint() {
    const {laid} = this;
    this.boxes.clear();
    this.links.clear();
    const groups = laid.groups.map(scopeShape);
    const links = laid.links.map((link) => linkShape(link, this.model));
    const boxes = [...laid.boxes.values()].map(boxShape);
    laid.links.forEach((link, i) => link.edges.forEach((e) => this.links.set(e.id, links[i])));
    boxes.forEach((made) => this.boxes.set(made.dataset.id, [...(this.boxes.get(made.dataset.id) ?? []), made]));
    this.texts = [...laid.boxes.values()].map((box, i) => ({made: boxes[i], x: box.x, y: box.y, out: false}));
    laid.links.forEach((link, i) => {
      if (link.labelAt) this.texts.push({made: links[i], x: link.labelAt[0], y: link.labelAt[1], out: false});
    });
    this.world.replaceChildren(
      svg("g", {class: "groups"}, ...groups),
      svg("g", {class: "links"}, ...links),
      svg("g", {class: "boxes"}, ...boxes),
    );
    this.svg.setAttribute(
      "aria-label",
      `Computation graph of ${plain(this.doc.title)}: ${count(laid.boxes.size, "box").replace("boxs", "boxes")}`,
    );
    if (!laid.boxes.has(this.current)) this.current = null;
    this._stop(this.current ?? laid.boxes.keys().next().value);
  }

  // ---- Marks ----

  _elements(id) {
    const node = this.model.nodes.get(id);
    return this.boxes.get(node ? shownAs(this.model, node) : id) ?? [];
  }

  /** Put a class on these nodes, or the scopes they are hidden in, and on no other. */
  mark(name, ids) {
    for (const made of this.world.querySelectorAll(`.box.${name}`)) made.classList.remove(name);
    for (const id of ids) for (const made of this._elements(id)) made.classList.add(name);
  }

  markLinks(name, edges) {
    for (const made of this.world.querySelectorAll(`.link.${name}`)) made.classList.remove(name);
    for (const id of edges) this.links.get(id)?.classList.add(name);
  }

  select(id) {
    this.mark("selected", id === null ? [] : [id]);
    const made = id === null ? null : this._elements(id)[0];
    if (made) this._stop(made.dataset.key);
  }

  // ---- View ----

  _box(id) {
    return this.laid?.boxes.get(id) ?? this.laid?.boxes.get(this._elements(id)[0]?.dataset.key);
  }

  _move() {
    const {x, y, k} = this.view;
    const {clientWidth, clientHeight} = this.svg;
    this.world.setAttribute("transform", `translate(${x.toFixed(2)} ${y.toFixed(2)}) scale(${k.toFixed(4)})`);
    this.svg.classList.toggle("far", k < FAR);
    byId("scale").textContent = `${Math.round(100 * k)} %`;
    const inside = (at, size) => at > -MARGIN && at < size + MARGIN;
    for (const text of this.texts) {
      const out = !(inside(x + text.x * k, clientWidth) && inside(y + text.y * k, clientHeight));
      if (out !== text.out) text.made.classList.toggle("out", (text.out = out));
    }
  }

  /** The whole graph, as paper takes it; or back to the screen. */
  print(on) {
    if (!this.laid) return;
    if (!on) {
      this.svg.removeAttribute("viewBox");
      return this._move();
    }
    this.svg.classList.remove("far");
    for (const text of this.texts) text.made.classList.toggle("out", (text.out = false));
    this.svg.setAttribute("viewBox", `-4 -12 ${this.laid.width + 12} ${this.laid.height + 24}`);
    this.world.removeAttribute("transform");
  }

  fit() {
    const {width, height} = this.svg.getBoundingClientRect();
    const {laid} = this;
    if (!laid || !width) return;
    const room = 28,
      legend = byId("legend").offsetHeight + 6;
    const k = Math.min((width - 2 * room) / laid.width, (height - 2 * room - legend) / laid.height, 1.25);
    this.view.k = Math.max(k, SPREAD.min);
    this.view.x = (width - laid.width * this.view.k) / 2;
    this.view.y = Math.max((height - legend - laid.height * this.view.k) / 2, 0);
    this._move();
    this.fitted = true;
  }

  /** The whole where it can be read, else its beginning at a size that can. */
  start() {
    this.fit();
    if (this.view.k >= 0.55) return;
    const first = this.laid.boxes.values().next().value;
    this.view.k = 0.85;
    this._centre(first);
    this.view.y = 24; // the top of the graph, scopes around the first box included
    this._move();
  }

  zoom(factor, at = null) {
    this.fitted = false;
    const {width, height} = this.svg.getBoundingClientRect();
    const [px, py] = at ?? [width / 2, height / 2];
    const k = Math.min(Math.max(this.view.k * factor, SPREAD.min), SPREAD.max);
    this.view.x = px - ((px - this.view.x) * k) / this.view.k;
    this.view.y = py - ((py - this.view.y) * k) / this.view.k;
    this.view.k = k;
    this._move();
  }

  _centre(box) {
    this.fitted = false;
    const {width, height} = this.svg.getBoundingClientRect();
    this.view.x = width / 2 - box.x * this.view.k;
    this.view.y = height * 0.45 - box.y * this.view.k;
    this._move();
  }

  /** Bring a node into view: not at all if it is seen well, else to the middle. */
  show(id) {
    const box = this._box(id);
    if (!box) return;
    const {width, height} = this.svg.getBoundingClientRect();
    const {x, y, k} = this.view;
    const [cx, cy] = [x + box.x * k, y + box.y * k];
    const seen = cx > 90 && cx < width - 90 && cy > 50 && cy < height - 70;
    if (seen && k >= FAR) return;
    if (k < FAR) this.view.k = 0.85; // there is nothing to read from so far
    this._centre(box);
  }

  // ---- Pointer and keys ----

  _listen() {
    const {svg: stage, pointers} = this;
    let moved = false;
    stage.addEventListener(
      "wheel",
      (event) => {
        event.preventDefault();
        const area = stage.getBoundingClientRect();
        this.zoom(Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.0016)), [
          event.clientX - area.x,
          event.clientY - area.y,
        ]);
      },
      {passive: false},
    );
    stage.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      pointers.set(event.pointerId, [event.clientX, event.clientY]);
      moved = false;
    });
    stage.addEventListener("pointermove", (event) => {
      const last = pointers.get(event.pointerId);
      if (!last) return;
      const next = [event.clientX, event.clientY];
      if (!moved && Math.hypot(next[0] - last[0], next[1] - last[1]) < 4) return;
      if (!moved) stage.setPointerCapture(event.pointerId);
      moved = true;
      stage.classList.add("moving");
      if (pointers.size === 2) {
        const [, other] = [...pointers.entries()].find(([key]) => key !== event.pointerId);
        const area = stage.getBoundingClientRect();
        const far = (a, b) => Math.hypot(a[0] - b[0], a[1] - b[1]) || 1;
        this.zoom(far(next, other) / far(last, other), [
          (next[0] + other[0]) / 2 - area.x,
          (next[1] + other[1]) / 2 - area.y,
        ]);
      } else {
        this.fitted = false;
        this.view.x += next[0] - last[0];
        this.view.y += next[1] - last[1];
        this._move();
      }
      pointers.set(event.pointerId, next);
    });
    for (const kind of ["pointerup", "pointercancel"]) {
      stage.addEventListener(kind, (event) => {
        pointers.delete(event.pointerId);
        if (!pointers.size) stage.classList.remove("moving");
      });
    }
    stage.addEventListener("click", (event) => !moved && this._act(event.target));
    stage.addEventListener("dblclick", (event) => {
      const scope = event.target.closest(".box.closed");
      if (scope) this.on.toggle(scope.dataset.id);
    });
    stage.addEventListener("keydown", (event) => this._key(event));
    stage.addEventListener("focusin", (event) => {
      const made = event.target.closest(".box");
      if (made && made.matches(":focus-visible")) this.show(made.dataset.key);
    });
  }

  _act(target) {
    const closer = target.closest(".closer");
    if (closer) return this.on.toggle(closer.closest(".group").dataset.scope);
    const made = target.closest(".box");
    if (!made) return this.on.select(null);
    this._stop(made.dataset.key);
    if (made.classList.contains("closed") && target.closest(".sign")) return this.on.toggle(made.dataset.id);
    this.on.select(made.dataset.id);
  }

  /** The one box that the tab key stops at. */
  _stop(key) {
    for (const made of this.world.querySelectorAll('.box[tabindex="0"]')) made.setAttribute("tabindex", -1);
    this.current = key;
    this._made(key)?.setAttribute("tabindex", 0);
  }

  _made(key) {
    return [...this.world.querySelectorAll(".box")].find((made) => made.dataset.key === key);
  }

  _key(event) {
    const target = event.target.closest(".box, .closer");
    if (!target || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      if (target.classList.contains("closed")) this.on.toggle(target.dataset.id);
      else this._act(target);
      return;
    }
    const ways = {ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0]}[event.key];
    if (!ways || !target.dataset.key) return;
    event.preventDefault();
    const next = this._next(this.laid.boxes.get(target.dataset.key), ways);
    if (!next) return;
    this._stop(next.key);
    this._made(next.key).focus();
    this.show(next.key);
  }

  /** The nearest box this way; one that a link joins is preferred. */
  _next(from, [dx, dy]) {
    const joined = new Set(
      this.laid.links.flatMap((l) => (l.from === from.key ? [l.to] : l.to === from.key ? [l.from] : [])),
    );
    let best = null,
      least = Infinity;
    for (const box of this.laid.boxes.values()) {
      const along = (box.x - from.x) * dx + (box.y - from.y) * dy;
      const aside = Math.abs((box.x - from.x) * dy) + Math.abs((box.y - from.y) * dx);
      if (along < 6) continue;
      const far = along + 1.6 * aside - (joined.has(box.key) ? 400 : 0);
      if (far < least) [best, least] = [box, far];
    }
    return best;
  }
}
