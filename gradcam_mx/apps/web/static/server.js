// Calls of the server: errors in its words, and patience while it is gone.

/** The server said no; the message is its sentence. */
export class Refused extends Error {
  constructor(status, answer) {
    super(answer.error || `The server answered ${status}.`);
    this.status = status;
    this.answer = answer;
  }
}

class Unreachable extends Error {}

const FIRST_PAUSE = 400;
const LONGEST_PAUSE = 5000;
const HEARTBEAT = 8000;

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

export class Server {
  /** `onLost()` when it is gone, `onBack(state, send)` when it answers again, before calls go on. */
  constructor(onLost, onBack) {
    this.onLost = onLost;
    this.onBack = onBack;
    this.back = null;
    setInterval(() => this.#listen(), HEARTBEAT);
  }

  get(path, options) {
    return this.call("GET", path, options);
  }

  post(path, json, options) {
    return this.call("POST", path, { ...options, json });
  }

  delete(path, options) {
    return this.call("DELETE", path, options);
  }

  /** Delete without waiting for an answer, where the page is left. */
  deleteAtLast(path) {
    send("DELETE", path, { keepalive: true }).catch(() => {});
  }

  /** Call, waiting for the server where it is gone; the answer's JSON. */
  async call(method, path, options = {}) {
    for (;;) {
      if (this.back) await this.back;
      try {
        return await send(method, path, options);
      } catch (error) {
        if (!(error instanceof Unreachable)) throw error;
        this.#lose();
      }
    }
  }

  #lose() {
    if (this.back) return;
    this.onLost();
    this.back = this.#reconnect().finally(() => {
      this.back = null;
    });
  }

  async #reconnect() {
    for (let wait = FIRST_PAUSE; ; wait = Math.min(LONGEST_PAUSE, wait * 1.5)) {
      await pause(wait);
      try {
        await this.onBack(await send("GET", "api/state"), send);
        return;
      } catch (error) {
        if (!(error instanceof Unreachable) && !(error instanceof Refused)) throw error;
      }
    }
  }

  async #listen() {
    if (document.hidden || this.back) return;
    try {
      await send("GET", "api/jobs");
    } catch (error) {
      if (error instanceof Unreachable) this.#lose();
    }
  }
}

async function send(method, path, { json, body, signal, keepalive } = {}) {
  const headers = method === "GET" ? {} : { "X-Gradcam-Mx": "1" };
  if (json !== undefined) headers["Content-Type"] = "application/json";
  else if (body) headers["Content-Type"] = "application/octet-stream";
  let answer;
  let text;
  try {
    answer = await fetch(path, {
      method,
      headers,
      signal,
      keepalive,
      body: json === undefined ? body : JSON.stringify(json),
      cache: "no-store",
    });
    text = await answer.text();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Unreachable(path);
  }
  if (answer.ok) return text ? JSON.parse(text) : null;
  throw new Refused(answer.status, parsed(text));
}

function parsed(text) {
  try {
    return JSON.parse(text) || {};
  } catch {
    return {};
  }
}

/** A query of what is neither null nor undefined; switches are 1 and 0. */
export function query(values) {
  const parts = Object.entries(values)
    .filter(([, value]) => value !== null && value !== undefined && value !== "")
    .map(([name, value]) => {
      const text = typeof value === "boolean" ? Number(value) : value;
      return `${encodeURIComponent(name)}=${encodeURIComponent(text)}`;
    });
  return parts.length ? `?${parts.join("&")}` : "";
}
