// Whatever else the package can say of the inside of a network: one function, its settings, its result.

import { fill, make } from "../dom.js";
import { Picture } from "../picture.js";
import { lacking } from "../form.js";
import { Result } from "../result.js";
import { query } from "../server.js";

export class InsideView {
  static name = "inside";
  static label = "Inside";
  static cards = ["inside", "out"];

  constructor(app) {
    this.app = app;
    this.result = new Result(app, "inside");
    this.picture = new Picture("", () => app.again());
    this.caption = make("figcaption", {});
    this.text = make("pre", { class: "code", tabindex: 0, "aria-label": "Values" });
    this.pages = make("span", { class: "small muted numbers" });
    this.paging = this.#makePaging();
    fill(
      this.result.content,
      make("figure", { class: "map wide" }, this.picture.element, this.caption),
      this.paging,
      this.text,
    );
    this.element = this.result.element;
  }

  /** The function that is shown: the chosen one, or else filters, or else the first. */
  static inspection(catalogue, store) {
    const { inspect } = catalogue.state;
    return (
      catalogue.inspection(store.get("inside")) || catalogue.giving("filters") || inspect[0] || null
    );
  }

  update() {
    const { app } = this;
    const about = InsideView.inspection(app.catalogue, app.store);
    if (!about) return this.result.say("Nothing to show", "This server lists no functions.");
    if (about.problem) return this.result.say(about.title, about.problem);
    const problem = app.netProblem() || (about.gives === "filters" ? null : app.photoProblem());
    if (problem) return this.result.say(...problem);
    const missing = lacking(about.settings, app.argumentsOf(about));
    if (missing.length) return this.result.say(about.title, `It needs: ${missing.join(", ")}.`);
    const { unit } = app.store.all;
    const action = app.inspectAction(about, {
      layer: about.gives === "filters" ? app.layers.weighted?.name : app.layers.chosen?.name,
      channel: unit ? unit.channel : null,
      position: unit ? unit.position : null,
    });
    this.result.show(action, (found) => this.#draw(about, found));
  }

  #draw(about, found) {
    const page = Math.min(this.app.store.get("page"), (found.pages || 1) - 1);
    const isPaged = (found.pages || 1) > 1;
    const ofChannels = found.kind === "channels" && `api/results/${found.id}/page.png`;
    const own = ofChannels || found.picture || null;
    const path = own && isPaged ? own.split("?")[0] + query({ page }) : own;
    this.picture.element.hidden = !path;
    if (path) this.picture.show(path, `${about.title} of ${found.layer || this.app.net.name}`);
    const shape = found.shape ? ` ${found.shape.join("×")}` : "";
    this.caption.textContent = `${about.title}${found.layer ? `: ${found.layer}` : ""}${shape}`;
    this.text.hidden = !found.text;
    this.text.textContent = found.text || "";
    this.paging.hidden = !isPaged;
    this.pages.textContent = `Page ${page + 1} of ${found.pages}`;
    this.back.disabled = page === 0;
    this.forth.disabled = page + 1 >= found.pages;
    this.app.setShown([]);
  }

  #makePaging() {
    const turn = (by) => this.app.store.set({ page: Math.max(0, this.app.store.get("page") + by) });
    this.back = make("button", { type: "button", class: "small", "aria-label": "Page before", onclick: () => turn(-1) }, "‹");
    this.forth = make("button", { type: "button", class: "small", "aria-label": "Next page", onclick: () => turn(1) }, "›");
    return make("div", { class: "row paging" }, this.back, this.pages, this.forth);
  }
}
