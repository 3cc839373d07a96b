// The samples of a store along the bottom: page by page, filtered, taken as photos by a click.

import { byId, fill, make } from "./dom.js";
import { complain, say, tell } from "./messages.js";
import { Refused, query } from "./server.js";

const WORDS = { all: "All", wrong: "Wrong", right: "Right", failed: "Failed" };

export class Samples {
  #page = 0;
  #asked = 0;
  #found = { samples: [], total: 0, page: 0, pages: 1 };

  /** `onDrawn()` once other samples are there. */
  constructor(app, onDrawn) {
    this.app = app;
    this.onDrawn = onDrawn;
    this.about = app.catalogue.state.run;
    /** id of a photo → the place of its sample. */
    this.loaded = new Map(Object.entries(this.about.loaded));
    this.which = select("Which samples", this.about.choices.map((one) => [one, WORDS[one] || one]), () => this.show(0));
    this.class = select(
      "Class",
      [["", "Any class"], ...this.about.classes.map((one) => [one.class, one.name])],
      () => this.show(0),
    );
    this.before = this.#step("‹", "Samples before", -1);
    this.after = this.#step("›", "Next samples", 1);
    this.range = make("span", { class: "small numbers", role: "status" });
    this.note = make("span", { class: "small note" });
    const place = byId("photo-run");
    place.hidden = false;
    fill(
      place,
      make("strong", { class: "small", title: this.about.methods.join(", ") }, this.about.name),
      this.which,
      this.class,
      this.before,
      this.range,
      this.after,
      this.note,
    );
    app.store.watch(["net"], () => this.#tellDifference());
    this.#tellDifference();
  }

  /** Ask for a page, and show it. */
  async show(page) {
    const mine = ++this.#asked;
    try {
      const chosen = { which: this.which.value, class: this.class.value, page };
      const found = await this.app.server.get(`api/run/samples${query(chosen)}`);
      if (mine !== this.#asked) return;
      this.#found = found;
      this.#page = found.page;
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      return complain(error.message);
    }
    const { samples, total, pages } = this.#found;
    const first = this.#page * this.about.a_page;
    const count = total.toLocaleString("en");
    this.range.textContent = total ? `${(first + 1).toLocaleString("en")}–${(first + samples.length).toLocaleString("en")} of ${count}` : "none";
    this.before.disabled = this.#page === 0;
    this.after.disabled = this.#page >= pages - 1;
    this.onDrawn();
  }

  items() {
    return this.#found.samples.map((one) => item(one));
  }

  /** The place of the sample that a photo is of; null for photos that are none. */
  placeOf(photo) {
    return photo && this.loaded.has(photo.id) ? this.loaded.get(photo.id) : null;
  }

  /** Take a sample as a photo, and show it. */
  async take(place) {
    try {
      const { note, ...photo } = await this.app.server.post(`api/run/samples/${place}`, {});
      this.loaded.set(photo.id, place);
      this.app.catalogue.addPhoto(photo);
      this.app.store.set({ photo: photo.id });
      if (note) tell(note);
      else say(`${photo.name} is shown`);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      complain(error.message);
    }
  }

  /** Show the first sample of the page, on a page that shows no photo. */
  async takeFirst() {
    const first = this.#found.samples.find((one) => one.error === null);
    if (first && this.about.has_photos && !this.app.store.get("photo")) await this.take(first.at);
  }

  #step(sign, label, by) {
    const go = () => this.show(this.#page + by);
    return make("button", { type: "button", class: "small", "aria-label": label, title: label, onclick: go, disabled: true }, sign);
  }

  #tellDifference() {
    const { net } = this.app;
    const said = [
      net ? this.about.differs[net.id] : null,
      this.about.has_photos ? null : "Its data set cannot be opened again: there are maps alone.",
      this.about.is_done ? null : "The run has not come to its end.",
    ];
    this.note.textContent = said.filter(Boolean).join(" ");
    this.note.title = this.note.textContent;
  }
}

function select(label, options, onchange) {
  return make(
    "select",
    { "aria-label": label, onchange },
    ...options.map(([value, text]) => make("option", { value }, text)),
  );
}

function item(one) {
  const said = inWords(one);
  return make(
    "div",
    {
      class: one.is_right === false || one.error ? "photo wrong" : "photo",
      role: "option",
      "data-at": one.at,
      "aria-selected": "false",
      "aria-label": `${one.name}: ${said.whole}`,
      title: `${one.name}: ${said.whole}`,
      tabindex: -1,
    },
    one.thumbnail ? make("img", { src: one.thumbnail, alt: "", loading: "lazy", draggable: "false" }) : null,
    make("span", { class: "caption" }, said.short),
  );
}

function inWords({ label, predicted, is_right: isRight, error, probability }) {
  if (error) return { short: "failed", whole: `nothing was found: ${error}` };
  const chance = probability === null ? "" : ` (${(probability * 100).toFixed(1)} %)`;
  if (predicted === null) return { short: label ?? "", whole: label ?? "explained" };
  if (isRight === null) return { short: predicted, whole: `predicted ${predicted}${chance}` };
  if (isRight) return { short: `✓ ${label}`, whole: `${label}, right${chance}` };
  return { short: `✗ ${label} → ${predicted}`, whole: `${label}, taken for ${predicted}${chance}` };
}
