// How maps are drawn: the settings that the server's pictures take.

import { fill, make } from "../dom.js";
import { form } from "../form.js";
import { card } from "./about.js";

export class DrawingCard {
  static redraws = [];

  constructor(app) {
    this.app = app;
    this.body = make("div");
    this.element = card("Drawing", "drawing", this.body, () => {
      app.store.set({ drawing: {} });
      this.draw({});
    });
    this.draw(app.store.get("drawing"));
  }

  draw(values = this.app.store.get("drawing")) {
    const { drawing } = this.app.catalogue.state;
    fill(this.body, form(drawing, values, (changed) => this.app.store.set({ drawing: changed })));
  }
}
