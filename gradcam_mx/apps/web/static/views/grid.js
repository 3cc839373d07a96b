// Several methods side by side, for the same photo and target.

import { Result } from "../result.js";
import { figures } from "../picture.js";
import { make } from "../dom.js";

export class GridView {
  static name = "grid";
  static label = "Methods";
  static cards = ["methods", "drawing", "out"];

  constructor(app) {
    this.app = app;
    this.result = new Result(app, "grid");
    this.place = make("div", { class: "grid" });
    this.result.content.append(this.place);
    this.element = this.result.element;
  }

  update() {
    const { methods } = this.app.store.all;
    if (!methods.length) return this.result.say("No method chosen", "Tick some in the settings.");
    const action = this.app.explainAction({ methods });
    if (action.problem) return this.result.say(...action.problem);
    this.result.show(action, ({ maps }) => this.#draw(maps));
  }

  #draw(maps) {
    const all = figures(this.place, maps, () => this.app.again());
    maps.forEach((map, at) => all[at].show(map, this.app.drawing));
    this.app.setShown(maps);
  }
}
