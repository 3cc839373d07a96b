// One photo, two networks.

import { fill, make, newId } from "../dom.js";
import { MapFigure } from "../picture.js";
import { Result } from "../result.js";

export class NetworksView {
  static name = "networks";
  static label = "Networks";
  static cards = ["method", "drawing", "out"];

  constructor(app) {
    this.app = app;
    this.result = new Result(app, "networks");
    const id = newId("net");
    this.select = make("select", { id, onchange: () => app.store.set({ net2: this.select.value }) });
    this.head = make("div", { class: "row versus" }, make("label", { for: id }, "Second network"), this.select);
    this.maps = [0, 1].map(() => new MapFigure(() => app.again()));
    fill(this.result.content, make("div", { class: "grid two" }, ...this.maps.map((one) => one.element)));
    this.element = make("div", { class: "stack" }, this.head, this.result.element);
  }

  update() {
    const { catalogue, net, store } = this.app;
    const other = catalogue.otherNet(store.get("net2"), net && net.id);
    this.head.hidden = !other;
    if (!other) {
      return this.result.say("One network is loaded", "Start the app with two to see them side by side: gradcam-mx app --model ONE OTHER");
    }
    const others = catalogue.state.nets.filter((one) => one.id !== net.id);
    fill(this.select, ...others.map((one) => make("option", { value: one.id }, one.name)));
    this.select.value = other.id;
    const action = this.app.explainAction({ nets: [net.id, other.id], layer: null });
    if (action.problem) return this.result.say(...action.problem);
    this.result.show(action, ({ maps }) => {
      maps.forEach((map, at) => {
        const { name } = catalogue.net(map.net);
        this.maps[at].show(map, this.app.drawing, { title: name });
      });
      this.app.setShown(maps);
    });
  }
}
