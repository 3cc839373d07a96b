// The views, one of which is shown; each is made when it is first wanted.

import { byId, fill, make } from "./dom.js";
import { onlyStop, roving } from "./roving.js";
import { MapView } from "./views/map.js";
import { GridView } from "./views/grid.js";
import { ClassesView } from "./views/classes.js";
import { NetworksView } from "./views/networks.js";
import { ChannelsView } from "./views/channels.js";
import { InsideView } from "./views/inside.js";
import { MeasuresView } from "./views/measures.js";

const VIEWS = [MapView, GridView, ClassesView, NetworksView, ChannelsView, InsideView, MeasuresView];

export class Tabs {
  #made = new Map();
  #shown = null;

  constructor(app) {
    this.app = app;
    this.names = VIEWS.map((one) => one.name);
    this.place = byId("view");
    this.tabs = VIEWS.map((one) =>
      make(
        "button",
        {
          type: "button",
          role: "tab",
          id: `tab-${one.name}`,
          "aria-controls": "view",
          onclick: () => this.choose(one.name),
        },
        one.label,
      ),
    );
    fill(byId("views"), ...this.tabs);
    roving(byId("views"), () => this.tabs);
  }

  choose(name) {
    this.app.store.set({ view: name });
    this.app.showPanel("result");
  }

  /** Bring the view that is chosen up to date with the state. */
  update() {
    const asked = this.app.store.get("view");
    const about = VIEWS.find((one) => one.name === asked) || MapView;
    if (!this.#made.has(about)) this.#made.set(about, new about(this.app));
    const view = this.#made.get(about);
    if (this.#shown !== view) {
      this.#shown = view;
      this.app.setShown([]);
      fill(this.place, view.element);
      this.place.dataset.view = about.name;
      this.place.setAttribute("aria-labelledby", `tab-${about.name}`);
      this.place.scrollTop = 0;
      this.app.settings.show(about.cards);
      this.#mark(about.name);
    }
    view.update();
  }

  /** All views count as never asked for. */
  forget() {
    this.#made.clear();
    this.#shown = null;
  }

  #mark(name) {
    for (const one of this.tabs) one.setAttribute("aria-selected", String(one.id === `tab-${name}`));
    const chosen = byId(`tab-${name}`);
    onlyStop(this.tabs, chosen);
    chosen.scrollIntoView({ block: "nearest", inline: "nearest" });
  }
}
