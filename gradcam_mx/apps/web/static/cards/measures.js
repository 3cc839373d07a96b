// Which measures are taken, of what, and where the object is.

import { fill, make, newId } from "../dom.js";
import { form } from "../form.js";
import { card } from "./about.js";
import { tickList } from "./ticks.js";
import { complain } from "../messages.js";
import { query } from "../server.js";

const SIDES = ["Top", "Left", "Bottom", "Right"];

export class MeasuresCard {
  static redraws = ["box"];

  constructor(app) {
    this.app = app;
    this.body = make("div", { class: "stack" });
    this.element = card("Measures", "measures", this.body);
    this.draw();
  }

  /** Whole, or only its box, where that is all that changed: what has the focus keeps it. */
  draw(changed = null) {
    if (changed) return this.#showBox();
    const { app } = this;
    const { metrics } = app.catalogue.state;
    const names = metrics.map((one) => one.name);
    const options = (name) => app.store.get("metricOptions")[name] || {};
    const plain = metrics.filter((one) => !one.needs_box);
    const boxed = metrics.filter((one) => one.needs_box);
    const ticks = {
      chosen: (one) => app.store.get("metrics").includes(one.name),
      onTick: (one, isOn) => {
        const now = new Set(app.store.get("metrics"));
        if (isOn) now.add(one.name);
        else now.delete(one.name);
        app.store.set({ metrics: names.filter((name) => now.has(name)) });
      },
      form: (one) =>
        form(one.settings, options(one.name), (values) =>
          app.store.set({ metricOptions: { ...app.store.get("metricOptions"), [one.name]: values } }),
        ),
    };
    fill(
      this.body,
      this.#ofWhat(),
      this.#controls(),
      plain.length ? tickList("Without knowing where the object is", plain, ticks) : null,
      boxed.length ? tickList("With a box around the object", boxed, ticks) : null,
      boxed.length ? this.#box() : null,
    );
  }

  #ofWhat() {
    const id = newId("of");
    const select = make(
      "select",
      { id, onchange: () => this.app.store.set({ of: select.value }) },
      make("option", { value: "map" }, "the map"),
      make("option", { value: "grid" }, "all methods of the grid"),
    );
    select.value = this.app.store.get("of");
    return make("div", { class: "field" }, make("label", { for: id }, "Of"), select);
  }

  #controls() {
    const id = newId("controls");
    const input = make("input", {
      type: "checkbox", id, onchange: () => this.app.store.set({ controls: input.checked }),
    });
    input.checked = this.app.store.get("controls");
    return make("div", { class: "field switch" }, make("label", { for: id }, "Beside controls"), input);
  }

  #box() {
    const fields = SIDES.map((side) => {
      const id = newId("box");
      const input = make("input", { type: "number", id, min: 0, step: 1, onchange: read });
      return { input, element: make("div", { class: "field" }, make("label", { for: id }, side), input) };
    });
    const { app } = this;
    function read() {
      const sides = fields.map((one) => one.input.value);
      if (sides.every((one) => one === "")) return app.store.set({ box: null });
      if (sides.some((one) => one === "")) return undefined;
      const [top, left, bottom, right] = sides.map(Number);
      const fits = bottom > top && right > left;
      for (const one of fields) one.input.setAttribute("aria-invalid", String(!fits));
      return fits ? app.store.set({ box: [top, left, bottom, right] }) : undefined;
    }
    const take = async () => {
      const [map] = app.shown;
      if (!map) return;
      try {
        const { threshold } = app.drawing;
        const found = await app.server.get(`api/maps/${map.id}/box${query({ threshold: threshold || 0.5 })}`);
        if (!found.box) return complain("Nothing of the map is above the threshold.");
        app.store.set({ box: found.box });
      } catch (error) {
        complain(error.message);
      }
    };
    this.sides = fields.map((one) => one.input);
    this.#showBox();
    return make(
      "fieldset",
      { class: "tick-list" },
      make("legend", {}, "Where the object is, in pixels of what the network saw"),
      make("div", { class: "sides" }, ...fields.map((one) => one.element)),
      make("button", { type: "button", class: "small", onclick: take }, "Box of the map above the threshold"),
    );
  }

  #showBox() {
    const box = this.app.store.get("box");
    this.sides?.forEach((one, at) => {
      if (document.activeElement !== one || box) one.value = box ? box[at] : "";
      one.setAttribute("aria-invalid", "false");
    });
  }
}
