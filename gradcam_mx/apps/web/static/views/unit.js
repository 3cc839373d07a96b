// One unit of a layer: where it is, what it sees, what in the photo it comes from, what it looks for.

import { fill, make, newId } from "../dom.js";
import { Picture, MapFigure } from "../picture.js";
import { Result } from "../result.js";
import { cell, share } from "./map.js";

export class Unit {
  constructor(app) {
    this.app = app;
    this.title = make("h3", {});
    this.channel = new Picture("", () => app.again());
    this.field = new Picture("", () => app.again());
    this.map = new MapFigure(() => app.again());
    this.fieldResult = new Result(app, "unit-field");
    this.mapResult = new Result(app, "unit-map");
    this.patchResult = new Result(app, "unit-patches");
    this.patches = make("div", { class: "patches" });
    this.fieldText = make("span", { class: "muted" });
    this.spot = make("span", { class: "spot", hidden: true });
    fill(
      this.fieldResult.content,
      figure(this.field.element, "Receptive field", this.fieldText),
    );
    fill(this.mapResult.content, this.map.element);
    fill(this.patchResult.content, this.patches);
    this.channelBox = make("div", { class: "pointable over" }, this.channel.element, this.spot);
    this.channelBox.addEventListener("click", (event) => this.#click(event));
    this.element = make(
      "section",
      { class: "unit", "aria-label": "The chosen unit" },
      make("div", { class: "row unit-head" }, this.title, this.#positionFields()),
      make(
        "div",
        { class: "grid three" },
        figure(this.channelBox, "Channel", make("span", { class: "muted" }, "click: another position")),
        this.fieldResult.element,
        this.mapResult.element,
      ),
      make("h3", {}, "What it answers to most, among all photos"),
      this.patchResult.element,
    );
  }

  /** `found`: the layer's channels; `listed`: what is known of the chosen one, if its page is shown. */
  show({ found, channel, position, listed }) {
    this.found = found;
    this.chosen = channel;
    this.shape = found.shape.slice(2);
    const at = position || (listed && listed.position) || null;
    this.position = at;
    this.title.textContent = `Channel ${channel}${at ? ` at ${at.join(", ")}` : ""}`;
    this.channel.show(`api/results/${found.id}/channels/${channel}.png`, `Channel ${channel}`);
    this.#showPosition(at, position);
    this.#explain(channel, position);
    this.#seeField(at, channel);
    this.#findPatches(channel);
  }

  #showPosition(at, isGiven) {
    const [rows, columns] = this.shape;
    this.positions.hidden = this.spot.hidden = this.shape.length !== 2;
    if (this.shape.length !== 2) return;
    this.row.max = rows - 1;
    this.column.max = columns - 1;
    if (document.activeElement !== this.row) this.row.value = at ? at[0] : "";
    if (document.activeElement !== this.column) this.column.value = at ? at[1] : "";
    this.strongest.disabled = !isGiven;
    this.spot.hidden = !at;
    if (!at) return;
    const { style } = this.spot;
    style.top = `${(100 * at[0]) / rows}%`;
    style.left = `${(100 * at[1]) / columns}%`;
    style.height = `${100 / rows}%`;
    style.width = `${100 / columns}%`;
  }

  #explain(channel, position) {
    const unit = { layer: this.found.layer, channel, position };
    const hasPositions = this.shape.length === 2;
    const target = hasPositions ? { unit } : { channel: { layer: unit.layer, channel } };
    const action = this.app.explainAction({ targets: [target], layer: null });
    if (action.problem) return this.mapResult.say(...action.problem);
    this.mapResult.show(action, ({ maps: [map] }) => {
      this.map.show(map, this.app.drawing);
      this.app.setShown([map]);
    });
  }

  #seeField(position, channel) {
    const about = this.app.catalogue.giving("box");
    this.fieldResult.element.hidden = !about || this.shape.length !== 2 || !position;
    if (this.fieldResult.element.hidden) return;
    const action = this.app.inspectAction(about, { layer: this.found.layer, position, channel });
    this.fieldResult.show(action, (field) => {
      this.field.show(field.picture, "What the unit sees of the photo");
      this.fieldText.textContent = field.box
        ? `${field.box[3] - field.box[1]}×${field.box[2] - field.box[0]} pixels${shareOf(field.share)}`
        : "sees nothing but padding";
    });
  }

  #findPatches(channel) {
    const about = this.app.catalogue.giving("patches");
    if (!about) return this.patchResult.say("None", "This server does not look for patches.");
    const action = this.app.inspectAction(about, { layer: this.found.layer, channel });
    action.photos = [];
    this.patchResult.show(action, ({ units }) => {
      const all = units.length ? units[0].patches : [];
      fill(this.patches, ...all.map((one) => this.#patch(one)));
    });
  }

  #patch(one) {
    const photo = this.app.catalogue.photo(one.photo);
    const name = photo ? photo.name : "a photo";
    return make(
      "button",
      {
        type: "button",
        class: "patch",
        title: `${name}, ${one.activation.toPrecision(3)}`,
        "aria-label": `Patch of ${name}, activation ${one.activation.toPrecision(3)}: show that photo`,
        onclick: () =>
          this.app.store.set({ photo: one.photo, unit: { channel: this.chosen, position: one.position } }),
      },
      make("img", { src: one.picture, alt: "", loading: "lazy" }),
      make("span", { class: "small muted numbers" }, one.activation.toPrecision(3)),
    );
  }

  #positionFields() {
    const [row, column] = ["Row", "Column"].map((text) => {
      const id = newId("position");
      const input = make("input", { type: "number", id, min: 0, step: 1, onchange: () => this.#read() });
      return { input, label: make("label", { for: id, class: "small" }, text) };
    });
    this.row = row.input;
    this.column = column.input;
    this.strongest = make(
      "button",
      { type: "button", class: "small", onclick: () => this.#choose(null) },
      "Strongest",
    );
    this.positions = make("span", { class: "row positions" }, row.label, row.input, column.label, column.input, this.strongest);
    return this.positions;
  }

  #read() {
    const position = [this.row, this.column].map((one) => Math.round(Number(one.value)));
    const fits = position.every((one, axis) => one >= 0 && one < this.shape[axis]);
    this.row.setAttribute("aria-invalid", String(!fits));
    this.column.setAttribute("aria-invalid", String(!fits));
    if (fits) this.#choose(position);
  }

  #choose(position) {
    this.app.store.set({ unit: { channel: this.chosen, position } });
  }

  #click(event) {
    const { image } = this.channel;
    if (this.shape.length !== 2 || !image) return;
    const [down, across] = share(event, image);
    this.#choose([cell(down, this.shape[0]), cell(across, this.shape[1])]);
  }
}

const figure = (content, title, detail) =>
  make("figure", { class: "map" }, content, make("figcaption", {}, make("strong", {}, title), " ", detail));

const shareOf = (part) =>
  part === null || part === undefined ? "" : `, ${(100 * part).toFixed(part < 0.1 ? 1 : 0)} % of the photo`;
