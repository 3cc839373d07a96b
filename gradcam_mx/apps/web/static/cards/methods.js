// The methods of the grid, each with its settings.

import { fill, make } from "../dom.js";
import { form } from "../form.js";
import { byFamily, card } from "./about.js";
import { tickList } from "./ticks.js";

/** As many maps as one question may ask for. */
const MOST = 36;

export class MethodsCard {
  static redraws = [];

  constructor(app) {
    this.app = app;
    this.body = make("div", { class: "stack" });
    this.element = card("Methods of the grid", "methods", this.body);
    this.draw();
  }

  draw() {
    const { app } = this;
    const families = byFamily(app.catalogue.state.methods);
    const names = app.catalogue.state.methods.map((one) => one.name);
    fill(
      this.body,
      ...families.map(([family, forms]) =>
        tickList(family, forms, {
          chosen: (one) => app.store.get("methods").includes(one.name),
          onTick: (one, isOn) => {
            const now = new Set(app.store.get("methods"));
            if (isOn) now.add(one.name);
            else now.delete(one.name);
            app.store.set({ methods: names.filter((name) => now.has(name)).slice(0, MOST) });
          },
          form: (one) =>
            form(one.settings, app.optionsOf(one.name), (values) => app.setOptions(one.name, values), () => app.catalogue.photos),
        }),
      ),
    );
  }
}
