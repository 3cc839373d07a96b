// The place of a result: asked for, awaited with progress, drawn, or told why there is none.

import { fill, make } from "./dom.js";
import { say } from "./messages.js";
import { Refused } from "./server.js";
import { progressCard } from "./work.js";

export class Result {
  #asked = null;
  #done = null;
  #draw = null;

  constructor(app, slot) {
    this.app = app;
    this.slot = slot;
    this.content = make("div", { class: "content", hidden: true });
    this.status = make("div", { class: "status", hidden: true });
    this.notes = make("ul", { class: "notes", hidden: true });
    this.element = make("div", { class: "outcome" }, this.status, this.content, this.notes);
  }

  /** Show what an action gives; the same action again is only drawn again. */
  async show(action, draw) {
    const asked = JSON.stringify(action);
    this.#draw = draw;
    if (asked === this.#asked) {
      if (this.#done) draw(this.#done);
      return;
    }
    this.#asked = asked;
    this.#done = null;
    this.content.setAttribute("aria-busy", "true");
    let card = null;
    try {
      const job = await this.app.jobs.run(this.slot, action, (running) => {
        if (asked !== this.#asked) return;
        if (!card) {
          card = progressCard(() => this.app.jobs.cancel(this.slot));
          this.#tell(card.element);
        }
        card.update(running);
      });
      if (asked !== this.#asked || !job) return;
      this.content.removeAttribute("aria-busy");
      if (!job.result) return this.#stopped("Cancelled", "The work was stopped before it was done.");
      this.#tell(null);
      this.content.hidden = false;
      this.#done = job.result;
      this.#note(job.notes);
      this.#draw(job.result);
      say(job.cached ? "Shown" : `${job.title || "Result"}: ready`);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      if (asked !== this.#asked) return;
      this.content.removeAttribute("aria-busy");
      this.#stopped("This did not work", error.message, true);
    }
  }

  /** A sentence in place of a result that cannot be asked for yet. */
  say(title, text, ...more) {
    this.forget();
    this.app.jobs.cancel(this.slot, true);
    this.content.removeAttribute("aria-busy");
    this.#note([]);
    this.content.hidden = true;
    this.#tell(message(title, text, false, ...more));
  }

  /** What was asked for counts as not asked for: the next call runs. */
  forget() {
    this.#asked = null;
    this.#done = null;
  }

  #stopped(title, text, isError = false) {
    const action = JSON.parse(this.#asked);
    const again = () => {
      this.forget();
      this.show(action, this.#draw);
    };
    const button = make("button", { type: "button", class: "again", onclick: again }, "Run again");
    say(`${title}. ${text}`);
    this.#tell(message(title, text, isError, button));
  }

  #tell(element) {
    const focused = this.status.contains(document.activeElement);
    fill(this.status, element);
    this.status.hidden = !element;
    if (focused) this.status.querySelector("button")?.focus();
  }

  #note(notes) {
    this.notes.hidden = !notes || !notes.length;
    fill(this.notes, ...(notes || []).map((one) => make("li", {}, one)));
  }
}

function message(title, text, isError, ...more) {
  return make(
    "div",
    { class: isError ? "placeholder bad" : "placeholder" },
    make("h3", {}, title),
    make("p", { class: isError ? "error" : "muted" }, text),
    ...more,
  );
}
