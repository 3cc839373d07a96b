// A list of things to tick; the settings of what is ticked fold out under it.

import { fill, make, newId } from "../dom.js";

/** `chosen(one)`, `onTick(one, isOn)`, `form(one)` for each of the forms under a heading. */
export function tickList(heading, forms, { chosen, onTick, form }) {
  return make(
    "fieldset",
    { class: "tick-list" },
    make("legend", {}, heading),
    ...forms.map((one) => tick(one, { chosen, onTick, form })),
  );
}

function tick(one, { chosen, onTick, form }) {
  const id = newId("tick");
  const place = make("div", { class: "tick-settings" });
  const input = make("input", {
    type: "checkbox",
    id,
    disabled: Boolean(one.problem),
    "data-name": one.name,
    onchange: () => {
      onTick(one, input.checked);
      settings();
    },
  });
  const settings = () => {
    place.hidden = !input.checked || !one.settings.length;
    if (place.hidden) return fill(place);
    const inner = make("div", { class: "stack" });
    const fold = make(
      "details",
      {
        class: "more",
        // made when it is opened: there may be dozens of forms
        ontoggle: () => fold.open && !inner.children.length && fill(inner, form(one)),
      },
      make("summary", {}, "Settings"),
      inner,
    );
    return fill(place, fold);
  };
  input.checked = chosen(one);
  settings();
  const hint = one.problem || one.summary || null;
  return make(
    "div",
    { class: "tick", title: hint },
    input,
    make("label", { for: id }, one.title),
    one.problem ? make("p", { class: "small error" }, one.problem) : null,
    place,
  );
}
