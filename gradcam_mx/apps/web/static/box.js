// A box drawn over what the network saw, around the object: by mouse, pen or finger.

import { make } from "./dom.js";
import { Picture } from "./picture.js";
import { share } from "./views/map.js";

/** Pixels of the screen: less is a click, not a box. */
const LEAST = 4;

export class BoxFigure {
  #start = null;
  #seen = [0, 0];
  #box = null;

  /** `onDrawn([top, left, bottom, right])`: in pixels of what the network saw. */
  constructor(onDrawn, onGone) {
    this.onDrawn = onDrawn;
    this.picture = new Picture("", onGone);
    this.mark = make("span", { class: "spot", hidden: true });
    this.ground = make("div", { class: "pointable over boxable" }, this.picture.element, this.mark);
    this.element = make(
      "figure",
      { class: "map where" },
      this.ground,
      make("figcaption", {}, make("strong", {}, "Where the object is"), " ", make("span", { class: "muted" }, "drag a box around it")),
    );
    const listen = (kind, call) => this.ground.addEventListener(kind, call);
    listen("pointerdown", (event) => this.#begin(event));
    listen("pointermove", (event) => this.#start && this.#mark(this.#between(event)));
    listen("pointerup", (event) => this.#end(event));
    listen("pointercancel", () => this.#leave());
    document.addEventListener("keydown", (event) => event.key === "Escape" && this.#leave());
  }

  /** `path`: of the picture; `seen`: [height, width] of what the network saw; `box`: or null. */
  show(path, seen, box) {
    this.#seen = seen;
    this.#box = box;
    this.picture.show(path, "What the network saw: drag a box around the object, or type its sides in the settings");
    if (!this.#start) this.#mark(box);
  }

  #begin(event) {
    if (event.button !== 0 || !this.picture.image) return;
    event.preventDefault();
    this.ground.setPointerCapture(event.pointerId);
    this.#start = event;
  }

  #end(event) {
    if (!this.#start) return;
    const isBox = [event.clientX - this.#start.clientX, event.clientY - this.#start.clientY]
      .every((one) => Math.abs(one) >= LEAST);
    const box = this.#between(event);
    this.#leave();
    if (!isBox) return;
    this.#mark(box);
    this.onDrawn(box);
  }

  #leave() {
    this.#start = null;
    this.#mark(this.#box);
  }

  /** The box from where the pointer was put down to where it is; whole pixels, at least one a side. */
  #between(event) {
    const ends = [this.#start, event].map((one) => share(one, this.picture.image));
    const sides = this.#seen.map((size, axis) => {
      const [low, high] = ends.map((one) => Math.min(1, Math.max(0, one[axis])) * size).sort((a, b) => a - b);
      const first = Math.min(size - 1, Math.round(low));
      return [first, Math.max(first + 1, Math.round(high))];
    });
    return [sides[0][0], sides[1][0], sides[0][1], sides[1][1]];
  }

  #mark(box) {
    this.mark.hidden = !box;
    if (!box) return;
    const [top, left, bottom, right] = box;
    const [height, width] = this.#seen;
    const { style } = this.mark;
    style.top = `${(100 * top) / height}%`;
    style.left = `${(100 * left) / width}%`;
    style.height = `${(100 * (bottom - top)) / height}%`;
    style.width = `${(100 * (right - left)) / width}%`;
  }
}
