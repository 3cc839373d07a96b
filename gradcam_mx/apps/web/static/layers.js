// The layers of the network as a tree that can be searched and walked with the arrow keys.

import { byId, fill, make, settled } from "./dom.js";
import { onlyStop } from "./roving.js";
import { complain } from "./messages.js";

export class Layers {
  rows = [];
  /** Whether they are those of the chosen network. */
  areHere = false;
  #net = null;

  constructor(app) {
    this.app = app;
    this.tree = byId("layer-tree");
    this.search = byId("layer-search");
    this.search.addEventListener("input", settled(100, () => this.#draw()));
    this.search.addEventListener("keydown", (event) => {
      if (event.key !== "ArrowDown" && event.key !== "Enter") return;
      event.preventDefault();
      const first = this.#shown()[0];
      if (first) first.focus();
    });
    this.tree.addEventListener("keydown", (event) => this.#key(event));
    this.tree.addEventListener("click", (event) => this.#click(event));
    app.store.watch(["net"], () => this.load());
    app.store.watch(["layer"], () => this.#mark());
  }

  /** The row of the chosen layer, or of the default one. */
  get chosen() {
    const name = this.app.store.get("layer");
    return this.rows.find((row) => (name ? row.name === name : row.is_default)) || null;
  }

  /** The chosen layer if it has weights; or else the first inside of it, or before it, that has. */
  get weighted() {
    const { chosen } = this;
    if (!chosen || chosen.has_weights) return chosen;
    const inside = this.rows.find((row) => row.has_weights && row.name.startsWith(`${chosen.name}.`));
    const before = this.rows.slice(0, this.rows.indexOf(chosen)).reverse();
    return inside || before.find((row) => row.has_weights) || this.rows.find((row) => row.has_weights) || chosen;
  }

  async load() {
    const net = this.app.net;
    if (!net) {
      this.areHere = true;
      return this.app.layersCame();
    }
    if (this.#net === net.id) return undefined;
    this.#net = net.id;
    this.areHere = false;
    try {
      const { layers } = await this.app.server.get(`api/nets/${net.id}/layers`);
      if (this.#net !== net.id) return undefined;
      this.rows = layers;
    } catch (error) {
      this.rows = [];
      complain(error.message);
    }
    const name = this.app.store.get("layer");
    if (name && !this.rows.some((row) => row.name === name)) this.app.store.set({ layer: null });
    this.areHere = true;
    this.#draw();
    return this.app.layersCame();
  }

  #draw() {
    const words = this.search.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
    const fits = (row) =>
      words.every((word) => `${row.name} ${row.block || ""} ${row.op || ""}`.toLowerCase().includes(word));
    if (words.length) {
      fill(this.tree, ...this.rows.filter((row) => row.can_choose && fits(row)).map((row) => this.#item(row, true)));
      if (!this.tree.children.length) fill(this.tree, make("p", { class: "muted small" }, "No layer of that name."));
    } else fill(this.tree, ...this.#branch(null));
    this.#mark();
  }

  #branch(parent) {
    return this.rows
      .filter((row) => (row.parent || null) === parent)
      .map((row) => {
        const below = this.#branch(row.name);
        if (!below.length) return this.#item(row, false);
        const line = this.#line(row, false, true);
        return make(
          "div",
          {
            class: "group",
            role: "treeitem",
            "aria-expanded": "true",
            "aria-label": spoken(row),
            "data-layer": row.can_choose ? row.name : null,
            tabindex: -1,
          },
          line,
          make("div", { role: "group" }, ...below),
        );
      });
  }

  #item(row, whole) {
    return asItem(this.#line(row, whole, false), row);
  }

  #line(row, whole, isGroup) {
    const facts = [
      row.shape && row.shape.slice(1).join("×"),
      row.op,
    ].filter(Boolean);
    return make(
      "div",
      { class: "layer" },
      make("span", { class: isGroup ? "twist" : null }, isGroup ? "▶" : ""),
      make("span", { class: "name", title: row.name }, make("bdi", {}, whole ? row.name : row.label)),
      row.is_default ? make("span", { class: "mark" }, "★") : null,
      facts.length ? make("span", { class: "facts", title: facts.join(", ") }, facts.join(", ")) : null,
    );
  }

  #shown() {
    return [...this.tree.querySelectorAll("[role=treeitem]")].filter((one) => one.offsetParent);
  }

  #mark() {
    const chosen = this.chosen;
    let marked = null;
    for (const one of this.tree.querySelectorAll("[role=treeitem]")) {
      const isChosen = Boolean(chosen) && one.dataset.layer === chosen.name;
      one.setAttribute("aria-selected", String(isChosen));
      lineOf(one).classList.toggle("chosen", isChosen);
      if (isChosen) marked = one;
    }
    onlyStop([...this.tree.querySelectorAll("[role=treeitem]")], marked);
    if (marked) lineOf(marked).scrollIntoView({ block: "nearest" });
  }

  #click(event) {
    const item = event.target.closest("[role=treeitem]");
    if (!item) return;
    if (event.target.closest(".twist") || !item.dataset.layer) this.#fold(item);
    else this.#choose(item);
  }

  #choose(item) {
    const row = this.rows.find((one) => one.name === item.dataset.layer);
    if (!row) return;
    this.app.store.set({ layer: row.is_default ? null : row.name, page: 0, unit: null });
    this.app.showPanel("result");
  }

  #fold(item, expanded = item.getAttribute("aria-expanded") !== "true") {
    if (item.hasAttribute("aria-expanded")) item.setAttribute("aria-expanded", String(expanded));
  }

  #key(event) {
    const item = event.target.closest("[role=treeitem]");
    if (!item || event.ctrlKey || event.altKey || event.metaKey) return;
    const shown = this.#shown();
    const at = shown.indexOf(item);
    const isOpen = item.getAttribute("aria-expanded");
    const go = (other) => other && (onlyStop(shown, other), other.focus());
    const acts = {
      ArrowDown: () => go(shown[at + 1]),
      ArrowUp: () => (at === 0 ? this.search.focus() : go(shown[at - 1])),
      Home: () => go(shown[0]),
      End: () => go(shown[shown.length - 1]),
      ArrowRight: () => (isOpen === "false" ? this.#fold(item, true) : isOpen && go(shown[at + 1])),
      ArrowLeft: () =>
        isOpen === "true" ? this.#fold(item, false) : go(item.parentElement.closest("[role=treeitem]")),
      Enter: () => (item.dataset.layer ? this.#choose(item) : this.#fold(item)),
      " ": () => (item.dataset.layer ? this.#choose(item) : this.#fold(item)),
    };
    if (!(event.key in acts)) return;
    event.preventDefault();
    acts[event.key]();
  }
}

const lineOf = (item) => (item.classList.contains("group") ? item.firstElementChild : item);

function asItem(line, row) {
  line.setAttribute("role", "treeitem");
  line.setAttribute("aria-label", spoken(row));
  line.tabIndex = -1;
  if (row.can_choose) line.dataset.layer = row.name;
  return line;
}

function spoken(row) {
  const shape = row.shape ? `, ${row.shape.slice(1).join(" by ")}` : "";
  return `${row.name}, ${row.op || "group"}${shape}${row.is_default ? ", default layer" : ""}`;
}
