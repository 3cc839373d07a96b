// What the network says of the photo; a click on a class explains it.

import { byId, fill, make } from "./dom.js";
import { combobox } from "./combobox.js";
import { Refused } from "./server.js";

export class Predictions {
  rows = [];
  #names = new Map();

  constructor(app) {
    this.app = app;
    this.place = byId("predictions");
    this.tops = make("div", { class: "tops", role: "group", "aria-label": "Top classes" });
    this.choice = combobox({
      label: "Explain any class",
      placeholder: "Any class…",
      find: (text) => app.findClasses(text),
      onChoose: (id, name) => {
        this.#names.set(id, name);
        app.store.set({ target: { class: id } });
      },
    });
    fill(this.place, this.tops, this.choice.element);
    app.store.watch(["net", "photo"], () => this.load());
    app.store.watch(["target"], () => this.#mark());
  }

  /** What class is explained: of the target, or else the top one; null if it is none. */
  get chosen() {
    const target = this.app.store.get("target");
    if (target && "class" in target) return target.class;
    return target || !this.rows.length ? null : this.rows[0].class;
  }

  nameOf(id) {
    const row = this.rows.find((one) => one.class === id);
    return (row && row.name) || this.#names.get(id) || `class ${id}`;
  }

  learn(id, name) {
    this.#names.set(id, name);
    this.#mark();
  }

  async load() {
    const { net, photo } = this.app;
    this.place.hidden = !net || Boolean(net.problem);
    if (!net || net.problem || !photo) {
      this.rows = [];
      fill(this.tops, make("p", { class: "muted" }, "Predictions come with a photo."));
      return;
    }
    this.tops.setAttribute("aria-busy", "true");
    try {
      const action = { action: "predict", nets: [net.id], photos: [photo.id] };
      const job = await this.app.jobs.run("predict", action);
      if (!job || !job.result) return;
      this.#draw(job.result.predictions[0]);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      this.rows = [];
      fill(this.tops, make("p", { class: "error" }, error.message));
    } finally {
      this.tops.removeAttribute("aria-busy");
    }
    this.app.predictionsCame();
  }

  #draw(prediction) {
    this.rows = prediction.rows;
    const lines = prediction.text || [];
    fill(
      this.tops,
      ...this.rows.map((row) => this.#button(row)),
      ...lines.map((line) => make("p", { class: "muted small" }, line)),
    );
    this.choice.element.hidden = !this.rows.length;
    this.#mark();
  }

  #button(row) {
    const hasShare = row.probability !== null && row.probability !== undefined;
    const share = hasShare ? percent(row.probability) : row.score.toPrecision(3);
    return make(
      "button",
      {
        type: "button",
        class: "top-class",
        "data-class": row.class,
        "aria-label": `${row.name || `class ${row.class}`}, ${hasShare ? "" : "score "}${share}`,
        title: `Explain ${row.name || `class ${row.class}`} (${row.class})`,
        onclick: () => this.#toggle(row.class),
      },
      make("span", { class: "what" }, shortName(row)),
      make("span", { class: "share" }, share),
      hasShare ? make("meter", { min: 0, max: 1, value: row.probability, "aria-hidden": "true" }) : null,
    );
  }

  #toggle(id) {
    const target = this.app.store.get("target");
    const isChosen = target && target.class === id;
    this.app.store.set({ target: isChosen ? null : { class: id } });
  }

  #mark() {
    const chosen = this.chosen;
    let isTop = false;
    for (const one of this.tops.querySelectorAll("[data-class]")) {
      const isIt = Number(one.dataset.class) === chosen;
      one.setAttribute("aria-pressed", String(isIt));
      isTop = isTop || isIt;
    }
    this.choice.setText(isTop || chosen === null ? "" : this.nameOf(chosen));
  }
}

// The first of several synonyms; the title has all of them.
const shortName = (row) => (row.name ? row.name.split(",")[0] : `class ${row.class}`);

function percent(share) {
  if (share > 0 && share < 0.001) return "< 0.1 %";
  return `${(share * 100).toFixed(1)} %`;
}
