// Which function of the inside of the network is shown, and its settings.

import { fill, make, newId } from "../dom.js";
import { form } from "../form.js";
import { about, card } from "./about.js";
import { InsideView } from "../views/inside.js";
import { ChannelsView } from "../views/channels.js";

const WORDS = {
  layer: "the layer that is chosen on the left",
  channel: "the channel that is chosen under Channels",
  position: "the position that is chosen under Channels",
  target: "the class that is explained",
  method: "the method that is chosen under Map",
};

export class InsideCard {
  static redraws = ["inside"];

  constructor(app) {
    this.app = app;
    const id = newId("inside");
    this.select = make("select", { id, onchange: () => app.store.set({ inside: this.select.value, page: 0 }) });
    for (const one of app.catalogue.state.inspect) {
      this.select.append(make("option", { value: one.name, disabled: Boolean(one.problem) }, one.title));
    }
    this.body = make("div", { class: "stack" });
    const field = make("div", { class: "field" }, make("label", { for: id, class: "spoken" }, "What to show"), this.select);
    this.element = card("Inside the network", "inside", make("div", { class: "stack" }, field, this.body));
    this.draw();
  }

  draw() {
    const one = InsideView.inspection(this.app.catalogue, this.app.store);
    if (!one) return;
    this.select.value = one.name;
    const taken = one.settings.map((setting) => WORDS[setting.kind]).filter(Boolean);
    fill(
      this.body,
      about(one),
      taken.length ? make("p", { class: "muted small" }, `It looks at ${taken.join(", ")}.`) : null,
      argumentForm(this.app, one),
    );
  }
}

/** The settings of the channels' list, where it has any. */
export class InspectionCard {
  static redraws = [];

  constructor(app) {
    const one = ChannelsView.inspection(app.catalogue);
    const fields = one ? argumentForm(app, one) : null;
    this.element = card("Channels", "inspection", make("div", { class: "stack" }, fields));
    this.element.hidden = !fields || !fields.children.length;
  }

  draw() {}
}

const argumentForm = (app, one) =>
  form(one.settings, app.argumentsOf(one), (values) => app.setArguments(one, values), () => app.catalogue.photos);
