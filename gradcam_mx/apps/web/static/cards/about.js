// What a method, a measure or a function is: its line, its paper, its cost, its whole text.

import { make } from "../dom.js";

export function about(one) {
  if (!one) return null;
  const facts = [one.cost && `Costs ${one.cost}.`, one.paper].filter(Boolean).join(" ");
  return make(
    "div",
    { class: "about" },
    one.problem ? make("p", { class: "error" }, one.problem) : null,
    make("p", {}, one.summary || ""),
    facts ? make("p", { class: "small" }, facts) : null,
    one.doc
      ? make("details", { class: "more" }, make("summary", {}, "More about it"), make("pre", { class: "code" }, one.doc))
      : null,
  );
}

/** Forms by family, in their order: [[family, [form, …]], …]. */
export function byFamily(forms) {
  const found = new Map();
  for (const one of forms) {
    const family = one.family || "";
    found.set(family, [...(found.get(family) || []), one]);
  }
  return [...found];
}

/** A heading and what is under it, with a button that takes all settings back. */
export function card(title, name, body, reset = null) {
  const back = reset
    ? make("button", { type: "button", class: "plain small", onclick: reset }, "Defaults")
    : null;
  return make(
    "section",
    { class: "card", "data-card": name, "aria-label": title },
    make("header", {}, make("h2", {}, title), back),
    body,
  );
}
