// What is under way, at the top of the page and in place of a result that is awaited.

import { byId, fill, make } from "./dom.js";
import { standing } from "./jobs.js";

/** What the page waits for, at its top, with a button that cancels it. */
export class Work {
  #slot = null;

  constructor(cancel) {
    this.title = make("span", { class: "what" });
    this.progress = make("progress", { max: 1, "aria-label": "Progress" });
    this.left = make("span", { class: "muted small numbers left" });
    this.more = make("span", { class: "muted small" });
    this.element = make(
      "div",
      { class: "job", hidden: true },
      this.title,
      this.progress,
      this.left,
      make("button", { type: "button", class: "small", onclick: () => cancel(this.#slot) }, "Cancel"),
      this.more,
    );
    fill(byId("work"), this.element);
  }

  show(jobs) {
    this.element.hidden = !jobs.length;
    if (!jobs.length) return;
    const [{ job, slot }] = jobs;
    this.#slot = slot;
    this.title.textContent = job.title;
    this.title.title = job.title;
    this.left.textContent = standing(job);
    this.more.textContent = jobs.length > 1 ? `+${jobs.length - 1}` : "";
    setShare(this.progress, job);
  }
}

/** A card that tells how far a job is; `update(job)` of it follows. */
export function progressCard(cancel) {
  const title = make("h3", {}, "Working");
  const line = make("p", { class: "muted numbers" });
  const progress = make("progress", { "aria-label": "Progress", max: 1 });
  const button = make("button", { type: "button", class: "cancel", onclick: cancel }, "Cancel");
  const element = make("div", { class: "progress-card" }, title, progress, line, button);
  return {
    element,
    update(job) {
      title.textContent = job.title;
      line.textContent = standing(job);
      setShare(progress, job);
    },
  };
}

function setShare(progress, job) {
  const share = job.progress ? job.progress.share : null;
  if (share === null || share === undefined) progress.removeAttribute("value");
  else progress.value = share;
}
