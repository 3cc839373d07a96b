// The panel on the right: the cards that the view asks for.

import { byId, fill } from "./dom.js";
import { MethodCard } from "./cards/method.js";
import { MethodsCard } from "./cards/methods.js";
import { DrawingCard } from "./cards/drawing.js";
import { InsideCard, InspectionCard } from "./cards/inside.js";
import { MeasuresCard } from "./cards/measures.js";
import { OutCard } from "./cards/out.js";

const CARDS = {
  method: MethodCard,
  methods: MethodsCard,
  drawing: DrawingCard,
  inside: InsideCard,
  inspection: InspectionCard,
  measures: MeasuresCard,
  out: OutCard,
};

export class Settings {
  #cards = [];
  #names = [];

  constructor(app) {
    this.app = app;
    this.place = byId("settings");
    app.store.watch(null, (changed) => this.#changed(changed));
  }

  /** The cards of a view; those that the last one had too keep their state. */
  show(names) {
    if (names === this.#names) return;
    const kept = new Map(this.#names.map((name, at) => [name, this.#cards[at]]));
    this.#names = names;
    this.#cards = names.map((name) => kept.get(name) || new CARDS[name](this.app));
    fill(this.place, ...this.#cards.map((one) => one.element));
    this.place.scrollTop = 0;
  }

  /** Make all anew, after a link was followed or photos came. */
  redraw() {
    for (const one of this.#cards) one.draw();
  }

  /** What is shown has changed: what can be taken along too. */
  shown() {
    for (const one of this.#cards) if (one instanceof OutCard) one.draw();
  }

  #changed(changed) {
    for (const one of this.#cards) {
      if (one.constructor.redraws.some((name) => changed.has(name))) one.draw(changed);
    }
  }
}
