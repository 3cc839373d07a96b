// Work on the server: started, watched, cancelled. A newer question in a slot ends the older one.

import { Refused } from "./server.js";

/** Seconds that the first answer may take, so that what is quick shows no progress; and the others. */
const AT_ONCE = 0.4;
const AT_A_TIME = 1;

export class Jobs {
  #running = new Map();

  /** `onChange(jobs)` hears of all that is under way. */
  constructor(server, onChange) {
    this.server = server;
    this.onChange = onChange;
    window.addEventListener("pagehide", () => {
      for (const { id } of this.list()) server.deleteAtLast(`api/jobs/${id}`);
    });
  }

  /**
   * Ask for an action; its result, or null where it was cancelled or a newer question took its slot.
   * `onJob(job)` hears how far it is.
   */
  async run(slot, action, onJob = () => {}) {
    this.cancel(slot, true);
    const mine = { id: null, ended: false, job: { title: "", state: "waiting" }, slot, quiet: true };
    this.#running.set(slot, mine);
    try {
      return await this.#finished(mine, action, (job) => {
        mine.job = job;
        onJob(job);
        this.onChange(this.list());
      });
    } finally {
      if (this.#running.get(slot) === mine) this.#running.delete(slot);
      this.onChange(this.list());
    }
  }

  async #finished(mine, action, tell) {
    let job = await this.server.post(`api/jobs?wait=${AT_ONCE}`, action);
    for (;;) {
      mine.id = job.id;
      if (mine.ended) {
        this.#stop(job);
        return null;
      }
      if (job.state === "done") return job;
      if (job.state === "cancelled") return mine.replaced ? null : { ...job, result: null };
      if (job.state === "failed") throw new Refused(500, { error: job.error });
      tell(job);
      try {
        job = await this.server.get(`api/jobs/${job.id}?wait=${AT_A_TIME}`);
      } catch (error) {
        if (!(error instanceof Refused && error.status === 404)) throw error;
        // the server was started again and knows nothing of it
        job = await this.server.post(`api/jobs?wait=${AT_ONCE}`, action);
      }
    }
  }

  /** End what runs in a slot; `replaced`: nobody wants to hear of it. */
  cancel(slot, replaced = false) {
    const mine = this.#running.get(slot);
    if (!mine) return;
    mine.replaced = replaced;
    if (replaced) {
      mine.ended = true;
      this.#running.delete(slot);
    }
    if (mine.id) this.#stop({ id: mine.id, state: mine.job.state });
    this.onChange(this.list());
  }

  cancelAll() {
    for (const { slot } of this.list()) this.cancel(slot);
  }

  #stop(job) {
    if (job.state === "done" || job.state === "failed" || job.state === "cancelled") return;
    this.server.delete(`api/jobs/${job.id}`).catch(() => {});
  }

  /** What is under way and has a job. */
  list() {
    return [...this.#running.values()].filter((one) => one.id && !one.ended);
  }
}

/** How long something takes, in words. */
export function duration(seconds) {
  if (seconds < 1) return "less than a second";
  if (seconds < 60) return `${Math.round(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  return minutes < 60
    ? `${minutes} min ${Math.round(seconds % 60)} s`
    : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** How far a job is, in words. */
export function standing(job) {
  if (job.state === "waiting") {
    return job.place ? `waits for ${job.place} other${job.place > 1 ? "s" : ""}` : "is about to start";
  }
  const parts = [];
  const { progress } = job;
  if (progress && progress.total) {
    parts.push(`${progress.done.toLocaleString("en")} of ${progress.total.toLocaleString("en")}`);
  }
  if (job.seconds_left !== null && job.seconds_left !== undefined) {
    parts.push(`${duration(job.seconds_left)} left`);
  }
  return parts.join(", ") || "works";
}
