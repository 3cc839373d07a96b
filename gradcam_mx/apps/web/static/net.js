// The line about the network at the top of the page; where there are several, they can be chosen.

import { byId, fill, make } from "./dom.js";

export function netLine(app) {
  const { nets, version } = app.catalogue.state;
  const place = byId("net");
  const facts = make("span", { class: "facts" });
  const select = make("select", {
    "aria-label": "Network",
    onchange: () => app.store.set({ net: select.value, layer: null, unit: null, target: null }),
  });
  for (const one of nets) select.append(make("option", { value: one.id }, one.name));
  const name = make("strong", {});
  fill(place, nets.length > 1 ? select : name, " ", facts);
  const draw = () => {
    const { net } = app;
    if (!net) return;
    name.textContent = net.name;
    select.value = net.id;
    const parts = [
      (net.input || []).slice(1).join("×"),
      net.classes ? `${net.classes.toLocaleString("en")} classes` : "",
      net.parameters ? `${net.parameters.toLocaleString("en")} parameters` : "",
    ];
    facts.textContent = parts.filter(Boolean).join(", ");
    facts.title = `gradcam-mx ${version}`;
  };
  app.store.watch(["net"], draw);
  draw();
}
