// The channels of a layer, strongest first, and the unit that is chosen among them.

import { fill, make, newId } from "../dom.js";
import { Refused, query } from "../server.js";
import { Result } from "../result.js";
import { inFirstRow, onlyStop, roving } from "../roving.js";
import { Unit } from "./unit.js";

export class ChannelsView {
  static name = "channels";
  static label = "Channels";
  static cards = ["method", "inspection", "drawing", "out"];

  #listed = null;
  #here = null;

  constructor(app) {
    this.app = app;
    this.result = new Result(app, "channels");
    this.unit = new Unit(app);
    this.title = make("h3", {});
    this.place = make("div", { class: "channels", role: "listbox", "aria-label": "Channels" });
    roving(this.place, () => [...this.place.children], () => inFirstRow([...this.place.children]));
    this.place.addEventListener("click", (event) => this.#choose(event.target));
    this.place.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      this.#choose(event.target);
    });
    fill(this.result.content, make("div", { class: "channel-head row" }, this.title, this.#sorting(), this.#paging()), this.place);
    this.element = make("div", { class: "channel-view" }, this.result.element, this.unit.element);
  }

  /** The form whose settings this view takes. */
  static inspection(catalogue) {
    return catalogue.giving("channels");
  }

  update() {
    const { app } = this;
    const problem = app.photoProblem();
    this.unit.element.hidden = Boolean(problem);
    if (problem) return this.result.say(...problem);
    const about = ChannelsView.inspection(app.catalogue);
    if (!about) return this.result.say("No channels here", "This server does not list them.");
    const layer = app.store.get("layer") || app.layers.chosen?.name;
    if (!layer) return this.result.say("No layer chosen", "Choose one on the left.");
    const action = app.inspectAction(about, { layer });
    this.result.show(action, (found) => this.#draw(found));
  }

  async #draw(found) {
    const { sort, page } = this.app.store.all;
    this.found = found;
    this.sort.value = sort;
    const [, , ...size] = found.shape;
    this.title.textContent = `${found.layer}: ${found.count} channels${size.length ? ` of ${size.join("×")}` : ""}`;
    const path = `api/results/${found.id}/channels${query({ page, sort })}`;
    if (path !== this.#listed) {
      this.#listed = path;
      this.place.setAttribute("aria-busy", "true");
      try {
        const listed = await this.app.server.get(path);
        if (path !== this.#listed) return undefined; // another page was asked for meanwhile
        this.#list(listed);
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
        if (path !== this.#listed) return undefined;
        this.#listed = null;
        if (error.status === 404) return this.app.again();
        return this.result.say("This did not work", error.message);
      } finally {
        if (path === this.#listed || !this.#listed) this.place.removeAttribute("aria-busy");
      }
      this.#here = path;
    }
    // while a page is awaited there is nothing to mark
    return this.#here === this.#listed ? this.#mark() : undefined;
  }

  #list(listed) {
    this.channels = listed.channels;
    this.pages.textContent = `Page ${listed.page + 1} of ${listed.pages}`;
    this.back.disabled = listed.page === 0;
    this.forth.disabled = listed.page + 1 >= listed.pages;
    this.turning.hidden = listed.pages < 2;
    fill(this.place, ...this.channels.map((one) => channelItem(one)));
  }

  /** What is chosen; the first of the list where nothing is. */
  #mark() {
    const unit = this.app.store.get("unit");
    const isChosen = unit && unit.channel !== null && unit.channel !== undefined;
    const channel = isChosen ? unit.channel : this.channels[0]?.channel;
    let marked = null;
    for (const one of this.place.children) {
      const isIt = Number(one.dataset.channel) === channel;
      one.setAttribute("aria-selected", String(isIt));
      if (isIt) marked = one;
    }
    onlyStop([...this.place.children], marked);
    if (channel === undefined) return;
    const listed = this.channels.find((one) => one.channel === channel);
    const position = (unit && unit.position) || null;
    this.unit.show({ found: this.found, channel, position, listed });
  }

  #choose(target) {
    const item = target.closest("[data-channel]");
    if (!item) return;
    this.app.store.set({ unit: { channel: Number(item.dataset.channel), position: null } });
  }

  #sorting() {
    const id = newId("sort");
    this.sort = make(
      "select",
      { id, onchange: () => this.app.store.set({ sort: this.sort.value, page: 0 }) },
      make("option", { value: "activation" }, "strongest first"),
      make("option", { value: "number" }, "by number"),
    );
    return make("span", { class: "row sorting" }, make("label", { for: id, class: "spoken" }, "Order"), this.sort);
  }

  #paging() {
    const turn = (by) => this.app.store.set({ page: Math.max(0, this.app.store.get("page") + by) });
    this.pages = make("span", { class: "small muted numbers", "aria-live": "polite" });
    this.back = make("button", { type: "button", class: "small", "aria-label": "Page before", onclick: () => turn(-1) }, "‹");
    this.forth = make("button", { type: "button", class: "small", "aria-label": "Next page", onclick: () => turn(1) }, "›");
    this.turning = make("span", { class: "row paging" }, this.back, this.pages, this.forth);
    return this.turning;
  }
}

function channelItem(one) {
  return make(
    "div",
    {
      role: "option",
      class: "channel",
      "data-channel": one.channel,
      "aria-selected": "false",
      "aria-label": `Channel ${one.channel}, at most ${one.max.toPrecision(3)}`,
      title: `Channel ${one.channel}: at most ${one.max.toPrecision(3)}, on average ${one.mean.toPrecision(3)}`,
      tabindex: -1,
    },
    make("img", { src: one.picture, alt: "", loading: "lazy", draggable: "false" }),
    make("span", { class: "number" }, String(one.channel)),
  );
}
