// The method that is shown, and its settings.

import { fill, make, newId } from "../dom.js";
import { form } from "../form.js";
import { about, byFamily, card } from "./about.js";

export class MethodCard {
  static redraws = ["method"];

  constructor(app) {
    this.app = app;
    const id = newId("method");
    this.select = make("select", { id, onchange: () => app.store.set({ method: this.select.value }) });
    for (const [family, forms] of byFamily(app.catalogue.state.methods)) {
      const group = make("optgroup", { label: family });
      for (const one of forms) {
        group.append(make("option", { value: one.name, disabled: Boolean(one.problem), title: one.problem }, one.title));
      }
      this.select.append(group);
    }
    this.body = make("div", { class: "stack" });
    this.layerNote = make("p", { class: "muted small" });
    const field = make("div", { class: "field" }, make("label", { for: id, class: "spoken" }, "Method"), this.select);
    const content = make("div", { class: "stack" }, field, this.body);
    this.element = card("Method", "method", content, () => {
      app.setOptions(app.store.get("method"), {});
      this.draw();
    });
    this.draw();
  }

  draw() {
    const { app } = this;
    const name = app.store.get("method");
    const method = app.catalogue.method(name);
    this.select.value = name;
    const takesLayer = method && (method.needs_layer || method.takes_layer);
    this.layerNote.textContent = takesLayer ? "" : "It looks at the pixels: the layer makes no difference.";
    fill(
      this.body,
      about(method),
      method
        ? form(method.settings, app.optionsOf(name), (values) => app.setOptions(name, values), () => app.catalogue.photos)
        : null,
      takesLayer ? null : this.layerNote,
    );
  }
}
