// What a run found by the same method of the same photo, beside what is found now.

import { MapFigure, scored } from "./picture.js";
import { Refused, query } from "./server.js";

export class KeptMap {
  #asked = null;
  #map = null;

  constructor(app) {
    this.app = app;
    this.figure = new MapFigure(() => {
      this.#asked = null;
    });
    this.element = this.figure.element;
    this.element.classList.add("kept");
    this.element.hidden = true;
  }

  /** Show what the run kept for a map; `onShown(is there any)`. */
  async show(map, drawing, onShown) {
    const about = this.app.catalogue.state.run;
    const has = about && about.methods.includes(map.method) && this.app.photos.run.loaded.has(map.photo);
    const asked = has ? query({ net: map.net, photo: map.photo, method: map.method }) : null;
    if (asked !== this.#asked) {
      this.#asked = asked;
      this.#map = asked ? await this.#find(asked) : null;
      if (asked !== this.#asked) return;
    }
    this.element.hidden = !this.#map;
    onShown(Boolean(this.#map));
    if (!this.#map) return;
    this.figure.show(this.#map, { ...drawing, whole: null, crop: null }, {
      title: "What the run found",
      detail: [scored(this.#map), this.#map.layer].filter(Boolean).join(", "),
    });
  }

  async #find(asked) {
    try {
      return (await this.app.server.get(`api/run/map${asked}`)).map;
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      return null;
    }
  }
}
