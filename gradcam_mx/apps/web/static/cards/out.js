// Taking along what is shown: pictures, numbers, code, a link.

import { fill, make, save } from "../dom.js";
import { complain, tell } from "../messages.js";
import { query } from "../server.js";
import { card } from "./about.js";

const FILES = [
  ["PNG", "figure.png", true],
  ["SVG", "figure.svg", true],
  ["PDF", "figure.pdf", true],
  ["Values (npz)", "values.npz", false],
];

export class OutCard {
  static redraws = [];

  constructor(app) {
    this.app = app;
    this.links = make("div", { class: "row" });
    this.code = make("div", { class: "stack" });
    const link = make("button", { type: "button", class: "small", id: "copy-link", onclick: () => copy(location.href, "The link") }, "Copy link");
    const code = make("button", { type: "button", class: "small", id: "show-code", onclick: () => this.#showCode() }, "Code");
    this.codeButton = code;
    this.element = card("Take along", "out", make("div", { class: "stack" }, this.links, make("div", { class: "row" }, code, link), this.code));
    this.draw();
  }

  draw() {
    const { shown, drawing } = this.app;
    const maps = shown.map((map) => map.id).join(",");
    this.codeButton.hidden = this.links.hidden = !maps;
    fill(
      this.links,
      ...FILES.map(([text, file, isDrawn]) =>
        make(
          "a",
          {
            class: "button small",
            download: true,
            href: `api/export/${file}${query({ maps, ...(isDrawn ? drawing : {}) })}`,
            "data-file": file,
          },
          text,
        ),
      ),
    );
    if (maps !== this.maps) fill(this.code);
    this.maps = maps;
  }

  async #showCode() {
    try {
      const { python, command, command_problem: problem } = await this.app.server.get(
        `api/export/code${query({ maps: this.maps, ...this.app.drawing })}`,
      );
      fill(
        this.code,
        ...listing("Python", python, "explain.py"),
        ...(command ? listing("Command line", command, "explain.sh") : [make("p", { class: "muted small" }, problem || "")]),
      );
    } catch (error) {
      complain(error.message);
    }
  }
}

function listing(title, text, file) {
  return [
    make(
      "div",
      { class: "row" },
      make("h3", {}, title),
      make("button", { type: "button", class: "small", onclick: () => copy(text, title) }, "Copy"),
      make("button", { type: "button", class: "small", onclick: () => save(new Blob([text]), file) }, "Save"),
    ),
    make("pre", { class: "code mono", tabindex: 0, "aria-label": title }, text),
  ];
}

async function copy(text, what) {
  try {
    await navigator.clipboard.writeText(text);
    tell(`${what} is in the clipboard.`);
  } catch {
    complain(`The browser does not let this page write to the clipboard; mark the text instead: ${text}`);
  }
}
