// A text field that completes class names, after the pattern "combobox with a list" of ARIA.

import { fill, make, newId, settled } from "./dom.js";

/**
 * `find(text)` gives a promise of [{class, name}]; `onChoose(class, name)` is called with one.
 * `setText(text)` of what comes back shows what is chosen.
 */
export function combobox({ label, placeholder, find, onChoose }) {
  const listId = newId("classes");
  let options = [];
  let active = -1;
  let asked = 0;

  const input = make("input", {
    type: "text",
    role: "combobox",
    "aria-label": label,
    "aria-expanded": "false",
    "aria-controls": listId,
    "aria-autocomplete": "list",
    placeholder,
    autocomplete: "off",
    spellcheck: "false",
  });
  const list = make("div", { class: "options", id: listId, role: "listbox", "aria-label": label, hidden: true });
  const element = make("div", { class: "class-choice" }, input, list);
  let shown = "";

  const open = (isOpen) => {
    list.hidden = !isOpen;
    input.setAttribute("aria-expanded", String(isOpen));
    if (!isOpen) activate(-1);
  };
  const activate = (index) => {
    active = index;
    [...list.querySelectorAll("[role=option]")].forEach((one, at) => {
      one.setAttribute("aria-selected", String(at === index));
      if (at === index) one.scrollIntoView({ block: "nearest" });
    });
    const chosen = index < 0 ? null : `${listId}-${index}`;
    if (chosen) input.setAttribute("aria-activedescendant", chosen);
    else input.removeAttribute("aria-activedescendant");
  };
  const choose = (one) => {
    open(false);
    shown = one.name;
    input.value = one.name;
    onChoose(one.class, one.name);
  };
  const ask = async () => {
    const mine = ++asked;
    const found = await find(input.value.trim());
    if (mine !== asked || document.activeElement !== input) return;
    options = found;
    fill(
      list,
      ...found.map((one, at) =>
        make(
          "div",
          {
            role: "option",
            id: `${listId}-${at}`,
            "aria-selected": "false",
            onpointerdown: (event) => {
              event.preventDefault();
              choose(one);
            },
          },
          make("span", { class: "id" }, String(one.class)),
          make("span", {}, one.name),
        ),
      ),
      found.length ? null : make("p", { class: "muted small" }, "No class of that name."),
    );
    open(true);
    activate(found.length && input.value.trim() ? 0 : -1);
  };
  const askSoon = settled(120, ask);

  input.addEventListener("input", askSoon);
  input.addEventListener("focus", () => input.select());
  input.addEventListener("blur", () => {
    open(false);
    input.value = shown;
  });
  input.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      event.preventDefault();
      if (list.hidden) ask();
      else if (options.length) activate((active + step + options.length) % options.length);
    } else if (event.key === "Enter" && !list.hidden && options[active]) {
      event.preventDefault();
      choose(options[active]);
    } else if (event.key === "Escape" && !list.hidden) {
      event.preventDefault();
      event.stopPropagation();
      open(false);
    }
  });
  return {
    element,
    input,
    setText(text) {
      shown = text;
      if (document.activeElement !== input) input.value = text;
    },
  };
}
