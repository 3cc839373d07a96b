// How far the maps can be trusted: measures of them, beside controls that know nothing of the network.

import { BoxFigure } from "../box.js";
import { draw, fill, make } from "../dom.js";
import { Result } from "../result.js";
import { figures } from "../picture.js";
import { query } from "../server.js";

const ARROWS = { higher: "higher is better", lower: "lower is better", neither: "neither is better" };

export class MeasuresView {
  static name = "measures";
  static label = "Measures";
  static cards = ["measures", "methods", "drawing", "out"];

  constructor(app) {
    this.app = app;
    this.maps = new Result(app, "measured-maps");
    this.result = new Result(app, "measures");
    this.place = make("div", { class: "grid few" });
    this.where = new BoxFigure((box) => app.store.set({ box }), () => app.again());
    this.maps.content.append(make("div", { class: "measured" }, this.where.element, this.place));
    this.table = make("div", { class: "table-box", tabindex: 0, role: "region", "aria-label": "Measures" });
    this.result.content.append(this.table);
    this.element = make("div", { class: "stack" }, this.maps.element, this.result.element);
  }

  update() {
    const { app } = this;
    const { methods, method, of } = app.store.all;
    const names = of === "grid" && methods.length ? methods : [method];
    const action = app.explainAction({ methods: names });
    if (action.problem) {
      this.result.element.hidden = true;
      return this.maps.say(...action.problem);
    }
    this.result.element.hidden = false;
    this.maps.show(action, ({ maps }) => {
      const all = figures(this.place, maps, () => app.again());
      maps.forEach((map, at) => all[at].show(map, app.drawing));
      app.setShown(maps);
      this.#showWhere(maps[0]);
      this.#measure(maps);
    });
  }

  get #chosen() {
    return this.app.store.get("metrics").map((name) => this.app.catalogue.metric(name)).filter(Boolean);
  }

  #showWhere(map) {
    const photo = this.app.catalogue.photo(map.photo);
    this.where.element.hidden = !photo || !this.#chosen.some((one) => one.needs_box);
    if (this.where.element.hidden) return;
    this.where.show(photo.picture + query({ net: map.net }), map.seen, this.app.store.get("box"));
  }

  #measure(maps) {
    const { controls, box } = this.app.store.all;
    const chosen = this.#chosen;
    if (!chosen.length) return this.result.say("No measure chosen", "Tick some in the settings.");
    const wanting = chosen.filter((one) => one.needs_box && !box).map((one) => one.title);
    if (wanting.length) {
      return this.result.say("A box is needed", `${wanting.join(", ")}: drag a box around the object, or type its sides in the settings.`);
    }
    const options = this.app.store.get("metricOptions");
    const action = {
      action: "measure",
      maps: maps.map((map) => map.id),
      metrics: chosen.map((one) => ({ name: one.name, options: options[one.name] || {} })),
      controls,
      box: box || null,
    };
    this.result.show(action, (found) => this.#draw(found));
  }

  #draw({ metrics, rows }) {
    const head = metrics.map((one) =>
      make(
        "th",
        { scope: "col" },
        one.title,
        make("span", { class: "small muted better" }, ARROWS[one.better] || ""),
      ),
    );
    const span = metrics.map((_, at) => rangeOf(rows.map((row) => row.values[at])));
    fill(
      this.table,
      make(
        "table",
        { class: "measures" },
        make("thead", {}, make("tr", {}, make("th", { scope: "col" }, "Map"), ...head)),
        make(
          "tbody",
          {},
          ...rows.map((row) =>
            make(
              "tr",
              { class: row.is_control ? "control" : null },
              make("th", { scope: "row" }, row.title, row.is_control ? make("span", { class: "tag" }, "control") : null),
              ...row.values.map((value, at) => valueCell(value, span[at])),
            ),
          ),
        ),
      ),
      make("p", { class: "muted small" }, "Controls know nothing of the network: a map that is no better than they are says little."),
    );
  }
}

function rangeOf(values) {
  const known = values.filter((one) => one !== null);
  return [Math.min(0, ...known), Math.max(0, ...known)];
}

function valueCell(value, [low, high]) {
  if (value === null) return make("td", { class: "muted" }, "–");
  const zero = place(0, low, high);
  const end = place(value, low, high);
  const bar = draw(
    "svg",
    { viewBox: "0 0 100 6", preserveAspectRatio: "none", class: "bar", "aria-hidden": "true" },
    draw("rect", { x: Math.min(zero, end), width: Math.max(0.5, Math.abs(end - zero)), y: 0, height: 6 }),
  );
  return make("td", { class: "numbers" }, value.toPrecision(3), bar);
}

const place = (value, low, high) => (high > low ? (100 * (value - low)) / (high - low) : 0);
