// One map over the photo: as overlay, side by side, or with a slider between.

import { fill, make, newId } from "../dom.js";
import { KeptMap } from "../kept.js";
import { MapFigure, Picture } from "../picture.js";
import { Result } from "../result.js";
import { query } from "../server.js";

const COMPARE = [
  ["overlay", "Overlay"],
  ["side", "Side by side"],
  ["slider", "Slider"],
];

export class MapView {
  static name = "map";
  static label = "Map";
  static cards = ["method", "drawing", "out"];

  constructor(app) {
    this.app = app;
    this.result = new Result(app, "map");
    this.figure = new MapFigure(() => app.again());
    this.photo = new Picture();
    this.split = make("input", {
      type: "range", class: "split", min: 0, max: 100, value: 50,
      "aria-label": "Where the photo ends and the map begins",
      oninput: () => this.#divide(),
    });
    this.before = make("figure", { class: "map before" }, this.photo.element, make("figcaption", {}, make("strong", {}, "What the network saw")));
    this.kept = new KeptMap(app);
    this.stage = make("div", { class: "stage" }, this.before, this.figure.element, this.split, this.kept.element);
    this.radios = this.#makeRadios();
    this.hint = make("p", { class: "muted small hint" });
    fill(this.result.content, this.stage, make("div", { class: "row under" }, this.radios, this.hint));
    this.element = this.result.element;
    this.figure.picture.element.addEventListener("click", (event) => this.#click(event));
  }

  update() {
    const action = this.app.explainAction();
    if (action.problem) return this.result.say(...action.problem);
    this.result.show(action, ({ maps }) => this.#draw(maps[0]));
  }

  #draw(map) {
    this.map = map;
    const drawing = this.app.drawing;
    const isWhole = Boolean(this.app.store.get("drawing").whole);
    const isCropped = Boolean(this.app.store.get("drawing").crop);
    const asked = this.app.store.get("compare");
    const compare = isCropped && asked === "slider" ? "side" : asked;
    this.figure.show(map, drawing);
    this.before.hidden = compare === "overlay";
    this.split.hidden = compare !== "slider";
    this.stage.dataset.compare = compare;
    if (compare !== "overlay") {
      const path = this.app.catalogue.photo(map.photo)?.picture;
      if (path) this.photo.show(isWhole ? path : path + query({ net: map.net }), "The photo without a map");
    }
    this.#divide();
    this.kept.show(map, drawing, (isThere) => this.stage.classList.toggle("with-kept", isThere));
    for (const radio of this.radios.querySelectorAll("input")) radio.checked = radio.value === asked;
    this.canPoint = compare === "overlay" && !isCropped && !isWhole && this.app.hasPositions;
    this.hint.textContent = this.canPoint ? "Click on the photo to see what a unit there looks for." : "";
    this.stage.classList.toggle("pointable", this.canPoint);
    this.app.setShown([map]);
  }

  #divide() {
    this.stage.style.setProperty("--split", `${this.split.value}%`);
  }

  #makeRadios() {
    const name = newId("compare");
    return make(
      "div",
      { class: "segments", role: "radiogroup", "aria-label": "Beside the photo" },
      ...COMPARE.map(([value, text]) =>
        make(
          "label",
          {},
          make("input", { type: "radio", name, value, onchange: () => this.app.store.set({ compare: value }) }),
          make("span", {}, text),
        ),
      ),
    );
  }

  // Where the click is among the positions of the layer that is chosen on the left.
  #click(event) {
    const image = this.figure.picture.image;
    const row = this.app.layers.chosen;
    if (!this.canPoint || !image || !row || !row.shape) return;
    const [down, across] = share(event, image);
    if (Math.min(down, across) < 0 || Math.max(down, across) >= 1) return;
    const [height, width] = row.shape.slice(-2);
    const { unit } = this.app.store.all;
    this.app.store.set({
      view: "channels",
      unit: { channel: unit ? unit.channel : null, position: [cell(down, height), cell(across, width)] },
    });
  }
}

/** How far down and across an image an event is, from 0 to 1; the image may not fill its box. */
export function share(event, image) {
  const box = image.getBoundingClientRect();
  const scale = Math.min(box.width / image.naturalWidth, box.height / image.naturalHeight);
  const part = (at, start, length, natural) => (at - start - (length - scale * natural) / 2) / (scale * natural);
  return [
    part(event.clientY, box.top, box.height, image.naturalHeight),
    part(event.clientX, box.left, box.width, image.naturalWidth),
  ];
}

/** The cell of `count` in which a share of the way lies. */
export const cell = (part, count) => Math.max(0, Math.min(count - 1, Math.floor(part * count)));
