// The page: its parts made, its state kept in one store, each change passed to those concerned.

import { byId, fill, make, settled } from "./dom.js";
import { follow, read, takeToken } from "./address.js";
import { Catalogue } from "./catalogue.js";
import { Jobs } from "./jobs.js";
import { listen } from "./keys.js";
import { Layers } from "./layers.js";
import { lacking } from "./form.js";
import { complain, say, tell } from "./messages.js";
import { Photos } from "./photos.js";
import { Predictions } from "./predictions.js";
import { Refused, Server, query } from "./server.js";
import { Settings } from "./settings.js";
import { Store } from "./store.js";
import { Tabs } from "./tabs.js";
import { Work } from "./work.js";
import { netLine } from "./net.js";

/**
 * Milliseconds: a change is asked for at once, but those that follow in quick succession, such as a
 * slider's, when they have come to an end.
 */
const SETTLES = 250;

/** Names of the state that only change how something is drawn: these need no pause. */
const DRAWN_ONLY = new Set(["drawing", "compare", "page", "sort"]);

class App {
  shown = [];
  #lastChange = -SETTLES;

  constructor(server, state) {
    this.server = server;
    this.catalogue = new Catalogue(state);
    const { known, missing } = this.catalogue.understood(read());
    this.store = new Store({ ...this.catalogue.defaults(), ...known });
    missing.forEach(complain);
    const work = new Work((slot) => this.jobs.cancel(slot));
    this.jobs = new Jobs(server, (jobs) => work.show(jobs));
    this.layers = new Layers(this);
    this.predictions = new Predictions(this);
    this.photos = new Photos(this);
    this.settings = new Settings(this);
    this.tabs = new Tabs(this);
    this.store.watch(["photo", "net"], (changed) => {
      if (!changed.has("box")) this.store.set({ box: null });  // it was around what is on the other photo
    });
    const update = settled(SETTLES, () => this.#update());
    this.updateSoon = () => {
      byId("view").setAttribute("aria-busy", "true");
      update();
    };
    const named = { net: null, photo: null, method: null };
    follow(this.store, () => ({ ...this.catalogue.defaults(), ...named }), (values) => this.#restore(values));
    this.store.watch(null, (changed) => {
      const isDrawnOnly = [...changed].every((name) => DRAWN_ONLY.has(name));
      const isFirst = performance.now() - this.#lastChange > SETTLES;
      if (!isDrawnOnly) this.#lastChange = performance.now();
      if (isDrawnOnly || isFirst || changed.has("view")) this.#update();
      else this.updateSoon();
    });
    this.#listen();
    netLine(this);
  }

  async start() {
    this.predictions.load();
    await this.layers.load();
    await this.photos.load();
  }

  get net() {
    return this.catalogue.net(this.store.get("net"));
  }

  get photo() {
    return this.catalogue.photo(this.store.get("photo"));
  }

  /** The values that pictures are drawn with, as far as they differ from the defaults. */
  get drawing() {
    return this.store.get("drawing");
  }

  get hasPositions() {
    return Boolean(this.layers.chosen && this.layers.chosen.has_positions);
  }

  optionsOf(method) {
    return this.store.get("options")[method] || {};
  }

  setOptions(method, values) {
    this.store.set({ options: without(this.store.get("options"), method, values) });
  }

  argumentsOf(about) {
    return this.store.get("arguments")[about.name] || {};
  }

  setArguments(about, values) {
    this.store.set({ arguments: without(this.store.get("arguments"), about.name, values) });
  }

  /** Why nothing can be said of the network: [title, sentence], or null. */
  netProblem() {
    const { net } = this;
    if (!net) return ["No network", "Start the app with --model or --symbol."];
    return net.problem ? ["This network cannot be explained", net.problem] : null;
  }

  photoProblem() {
    const problem = this.netProblem();
    if (problem || this.photo) return problem;
    const isWanted = this.store.get("photo");
    return isWanted
      ? ["The photo of this link is not here", "Drop the same file onto this page, or choose another photo below."]
      : ["No photo yet", "Drop a photo onto this page, paste one, or add some below."];
  }

  /** What explains what is chosen, with some of it replaced; or its `problem`: [title, sentence]. */
  explainAction({ methods = [this.store.get("method")], targets = [this.store.get("target")], ...more } = {}) {
    const problem = this.photoProblem();
    if (problem) return { problem };
    for (const name of methods) {
      const method = this.catalogue.method(name);
      if (!method) return { problem: ["No method", "Choose one in the settings."] };
      if (method.problem) return { problem: [method.title, method.problem] };
      const missing = lacking(method.settings, this.optionsOf(name));
      if (missing.length) return { problem: [method.title, `It needs: ${missing.join(", ")}.`] };
    }
    return {
      action: "explain",
      nets: [this.net.id],
      photos: [this.photo.id],
      targets,
      layer: this.store.get("layer"),
      output: null,
      methods: methods.map((name) => ({ name, options: this.optionsOf(name) })),
      ...more,
    };
  }

  /**
   * What a function of the inside shows. `chosen` has a layer, a channel and a position: its
   * arguments of these kinds, whatever their names are.
   */
  inspectAction(about, chosen) {
    const here = { target: this.store.get("target"), method: this.store.get("method"), ...chosen };
    const taken = Object.fromEntries(
      about.settings
        .filter((one) => here[one.kind] !== null && here[one.kind] !== undefined)
        .map((one) => [one.name, here[one.kind]]),
    );
    return {
      action: "inspect",
      function: about.name,
      nets: [this.net.id],
      photos: this.photo ? [this.photo.id] : [],
      arguments: { ...taken, ...this.argumentsOf(about) },
    };
  }

  async findClasses(text) {
    try {
      const { classes } = await this.server.get(`api/nets/${this.net.id}/classes${query({ q: text, limit: 20 })}`);
      return classes;
    } catch (error) {
      complain(error.message);
      return [];
    }
  }

  setShown(maps) {
    this.shown = maps;
    this.settings.shown();
  }

  layersCame() {
    this.#update();
  }

  predictionsCame() {
    this.#update();
  }

  /** The server no longer has what was shown: ask for it again. */
  again() {
    this.tabs.forget();
    this.updateSoon();
  }

  /** Which part a phone shows. */
  showPanel(name) {
    document.body.dataset.panel = name;
    for (const one of document.querySelectorAll("[data-show]")) {
      one.setAttribute("aria-pressed", String(one.dataset.show === name));
    }
  }

  /** A server that answers again: what it lost is given to it, what was shown is asked for. */
  async returned(state, send) {
    const isOther = state.server !== this.catalogue.state.server;
    if (isOther) await this.photos.giveAgain(state, send);
    this.catalogue.take(state);
    this.photos.draw();
    if (isOther) this.again();
  }

  #update() {
    if (!this.layers.areHere) return;
    byId("view").removeAttribute("aria-busy");
    this.tabs.update();
  }

  #restore(values) {
    const { known, missing } = this.catalogue.understood(values);
    missing.forEach(complain);
    this.store.set({ ...this.catalogue.defaults(), ...known });
    queueMicrotask(() => {
      this.settings.redraw();
      say("The view of the link is shown.");
    });
  }

  #step(by) {
    const { photos } = this.catalogue;
    if (!photos.length) return;
    const at = photos.findIndex((one) => one.id === this.store.get("photo"));
    this.store.set({ photo: photos[(at + by + photos.length) % photos.length].id });
    say(this.photo.name);
  }

  #listen() {
    for (const one of document.querySelectorAll("[data-show]")) {
      one.addEventListener("click", () => this.showPanel(one.dataset.show));
    }
    const focus = (panel, find) => () => {
      this.showPanel(panel);
      find()?.focus();
    };
    listen([
      ["1 … 7", "The views", null],
      ["/", "Search layers", focus("layers", () => byId("layer-search"))],
      ["c", "Choose a class", focus("result", () => this.predictions.choice.input)],
      ["m", "Choose a method", focus("settings", () => document.querySelector("[data-card=method] select"))],
      ["p", "To the photos", () => byId("photo-strip").querySelector("[tabindex='0']")?.focus()],
      ["[", "Photo before", () => this.#step(-1)],
      ["]", "Next photo", () => this.#step(1)],
      ["t", "Explain the top class", () => this.store.set({ target: null })],
      ["x", "Cancel what is running", () => this.jobs.cancelAll()],
      ...this.tabs.names.map((name, at) => [String(at + 1), null, () => this.tabs.choose(name)]),
    ]);
  }
}

/** An object with a name set to values, or without it where there are none. */
function without(values, name, own) {
  const { [name]: _, ...others } = values;
  return Object.keys(own).length ? { ...others, [name]: own } : others;
}

async function start() {
  let app = null;
  const banner = byId("connection");
  const server = new Server(
    () => {
      banner.hidden = false;
      banner.textContent = "The server does not answer. This page waits for it and goes on by itself.";
    },
    async (state, send) => {
      if (app) await app.returned(state, send);
      banner.hidden = true;
      if (app) tell("The server answers again.");
    },
  );
  try {
    const token = takeToken();
    if (token) await server.post("api/session", { token });
    app = new App(server, await server.get("api/state"));
    await app.start();
    document.body.dataset.ready = "true";
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    const text = error.answer.needs_token
      ? "This page needs its token: open the whole address that the program printed, with #token= at its end."
      : error.message;
    fill(byId("view"), make("div", { class: "placeholder bad" }, make("h3", {}, "Not allowed"), make("p", { class: "error" }, text)));
  }
}

start();
