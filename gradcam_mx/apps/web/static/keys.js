// Shortcuts of the keyboard, and the list of them.

import { byId, fill, make } from "./dom.js";

/**
 * `shortcuts`: [key, what it does, call]; without words it is not listed, without a call only listed.
 * They do nothing while text is typed.
 */
export function listen(shortcuts) {
  const dialog = byId("keys");
  const show = () => dialog.showModal();
  const all = [...shortcuts, ["?", "Show this list", show]];
  const close = make("button", { type: "button", class: "plain", "aria-label": "Close", onclick: () => dialog.close() }, "×");
  fill(
    dialog,
    make("header", {}, make("h2", { id: "keys-title" }, "Keyboard"), close),
    make(
      "dl",
      { class: "keys-list" },
      ...all.filter(([, what]) => what).flatMap(([key, what]) => [make("dt", {}, make("kbd", {}, key)), make("dd", {}, what)]),
      ...[
        ["Tab", "To the next part; arrow keys move inside of lists and trees"],
        ["Enter", "Choose what has the focus"],
        ["Delete", "Take a photo away"],
      ].flatMap(([key, what]) => [make("dt", {}, make("kbd", {}, key)), make("dd", {}, what)]),
    ),
  );
  byId("show-keys").addEventListener("click", show);
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (dialog.open || isTyping(event.target)) return;
    const found = all.find(([key, , call]) => call && key === event.key);
    if (!found) return;
    event.preventDefault();
    found[2]();
  });
}

function isTyping(element) {
  if (!(element instanceof HTMLElement)) return false;
  if (element.tagName === "INPUT") return !["checkbox", "radio", "range", "button"].includes(element.type);
  return element.tagName === "SELECT" || element.tagName === "TEXTAREA" || element.isContentEditable;
}
