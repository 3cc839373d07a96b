// Pictures that follow a slider: the next is shown when it is there, and only the newest is asked for.

import { fill, make } from "./dom.js";
import { query } from "./server.js";

export class Picture {
  #wanted = null;
  #isLoading = false;

  /** `onGone()`: the server no longer has what the picture shows. */
  constructor(alt = "", onGone = () => {}) {
    this.alt = alt;
    this.onGone = onGone;
    this.element = make("div", { class: "picture" });
  }

  get image() {
    return this.element.querySelector("img");
  }

  show(path, alt = this.alt) {
    this.alt = alt;
    if (this.image) this.image.alt = alt;
    if (path === this.#wanted) return;
    this.#wanted = path;
    this.element.setAttribute("aria-busy", "true");
    if (!this.#isLoading) this.#load();
  }

  async #load() {
    this.#isLoading = true;
    let path = null;
    while (path !== this.#wanted) {
      path = this.#wanted;
      const next = make("img", { alt: this.alt, draggable: "false" });
      next.src = path;
      try {
        await next.decode();
        this.element.replaceChildren(next);
        next.alt = this.alt;
      } catch {
        await this.#explain(path);
      }
    }
    this.#isLoading = false;
    this.element.removeAttribute("aria-busy");
  }

  async #explain(path) {
    let text = "The picture did not come.";
    try {
      const answer = await fetch(path);
      if (answer.ok) return;
      const { error, gone } = await answer.json();
      if (answer.status === 404 || gone) {
        this.#wanted = path;
        this.onGone();
      }
      text = error || text;
    } catch {
      // the server is gone, which the page tells elsewhere
    }
    fill(this.element, make("p", { class: "muted small" }, text));
  }
}

/** The address of a map's picture with the drawing's settings. */
export function pathOf(map, drawing, more = {}) {
  return map.picture + query({ ...drawing, ...more });
}

/** A map with its title and what it says, in a figure. */
export class MapFigure {
  constructor(onGone) {
    this.picture = new Picture("", onGone);
    this.title = make("strong", {});
    this.detail = make("span", { class: "muted" });
    this.colors = new Picture("");
    this.words = make("span", { class: "words" });
    this.legend = make("div", { class: "legend", hidden: true }, this.colors.element, this.words);
    this.element = make(
      "figure",
      { class: "map" },
      this.picture.element,
      make("figcaption", {}, this.title, " ", this.detail, this.legend),
    );
  }

  show(map, drawing, { title = map.title, detail = scored(map), more = {} } = {}) {
    this.title.textContent = title;
    this.detail.textContent = detail;
    this.element.dataset.map = map.id;
    this.picture.show(pathOf(map, drawing, more), `${title}: ${detail}`);
    this.#explain(map, drawing, more);
  }

  /** What the colours stand for. */
  #explain(map, { colormap, signed_colormap: signed }, { minus }) {
    this.legend.hidden = !map.legend;
    if (!map.legend) return;
    const { low, middle, high } = minus ? { low: "less", middle: "0", high: "more" } : map.legend;
    const path = map.picture.replace(/\.png$/, "/legend.png");
    this.colors.show(path + query({ colormap, signed_colormap: signed, minus }), "");
    fill(this.words, ...[low, middle, high].map((one) => make("span", {}, one)));
  }
}

/** What is explained, and its score. */
export function scored(map) {
  const score = map.score === null || map.score === undefined ? "" : `, score ${map.score.toPrecision(3)}`;
  return `${map.caption || ""}${score}`;
}

/** As many figures as there are maps, kept from one drawing to the next. */
export function figures(place, maps, onGone) {
  const have = place.figures || [];
  if (have.length !== maps.length) {
    place.figures = maps.map(() => new MapFigure(onGone));
    fill(place, ...place.figures.map((one) => one.element));
  }
  return place.figures;
}
