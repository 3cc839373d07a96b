// What the page tells: short messages on the screen, and the same to screen readers.

import { byId, fill, make } from "./dom.js";

const SHOWN_FOR = 9000;

/** Tell screen readers what has changed. */
export function say(text) {
  byId("spoken").textContent = text;
}

/** A message that goes away by itself. */
export function tell(text) {
  say(text);
  show(text, false);
}

/** What went wrong, in the words of the server; stays until it is closed. */
export function complain(text) {
  byId("spoken-errors").textContent = text;
  show(text, true);
}

function show(text, bad) {
  const shown = byId("toasts");
  for (const one of [...shown.children]) if (one.dataset.text === text) one.remove();
  const close = () => toast.remove();
  const toast = make(
    "div",
    { class: bad ? "toast bad" : "toast", "data-text": text },
    make("p", {}, text),
    make("button", { class: "plain small", type: "button", "aria-label": "Close", onclick: close }, "×"),
  );
  shown.append(toast);
  while (shown.children.length > 3) shown.firstChild.remove();
  if (!bad) setTimeout(close, SHOWN_FOR);
}

/** What stands in place of a result that there is not (yet). */
export function placeholder(place, title, text, ...more) {
  fill(
    place,
    make("div", { class: "placeholder" }, make("h3", {}, title), make("p", { class: "muted" }, text), ...more),
  );
}
