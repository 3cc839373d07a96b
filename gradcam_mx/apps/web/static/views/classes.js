// Two classes of one photo, and what speaks for one and against the other.

import { fill, make } from "../dom.js";
import { combobox } from "../combobox.js";
import { MapFigure } from "../picture.js";
import { Result } from "../result.js";

export class ClassesView {
  static name = "classes";
  static label = "Classes";
  static cards = ["method", "drawing", "out"];

  constructor(app) {
    this.app = app;
    this.result = new Result(app, "classes");
    this.choice = combobox({
      label: "Second class",
      placeholder: "Second class…",
      find: (text) => app.findClasses(text),
      onChoose: (id, name) => {
        app.predictions.learn(id, name);
        app.store.set({ target2: { class: id } });
      },
    });
    this.first = make("span", { class: "first-class" });
    this.head = make("div", { class: "row versus" }, this.first, make("span", { class: "muted" }, "against"), this.choice.element);
    this.maps = [0, 1, 2].map(() => new MapFigure(() => app.again()));
    fill(this.result.content, make("div", { class: "grid three" }, ...this.maps.map((one) => one.element)));
    this.element = make("div", { class: "stack" }, this.head, this.result.element);
  }

  update() {
    const { predictions, store } = this.app;
    const one = predictions.chosen;
    const ids = predictions.rows.map((row) => row.class);
    const asked = store.get("target2");
    const two = asked ? asked.class : ids.find((id) => id !== one);
    this.head.hidden = !ids.length;
    if (this.app.photo && (one === null || two === undefined)) {
      return this.result.say("Two classes are compared here", "Choose them among the predictions of a photo.");
    }
    if (one !== null) this.first.textContent = predictions.nameOf(one);
    if (two !== undefined) this.choice.setText(predictions.nameOf(two));
    const action = this.app.explainAction({ targets: [{ class: one }, { class: two }] });
    if (action.problem) return this.result.say(...action.problem);
    this.result.show(action, ({ maps }) => this.#draw(maps));
  }

  #draw([one, two]) {
    const { drawing } = this.app;
    for (const map of [one, two]) if (map.class !== null) this.app.predictions.learn(map.class, nameIn(map));
    this.maps[0].show(one, drawing);
    this.maps[1].show(two, drawing);
    this.maps[2].show(one, drawing, {
      title: "Difference",
      detail: `${nameIn(one)} minus ${nameIn(two)}`,
      more: { minus: two.id },
    });
    this.app.setShown([one, two]);
  }
}

// The caption without the number at its end.
const nameIn = (map) => (map.caption || "").replace(/ \(\d+\)$/, "");
