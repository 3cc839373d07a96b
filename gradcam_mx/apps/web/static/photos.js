// The photos along the bottom: chosen, dropped, pasted, loaded; and given again to a new server.

import { byId, fill, make } from "./dom.js";
import { onlyStop, roving } from "./roving.js";
import { complain, say } from "./messages.js";
import { Samples } from "./samples.js";
import { Refused } from "./server.js";

export class Photos {
  /** id → the file as it was given, for a server that has lost it. */
  #files = new Map();

  constructor(app) {
    this.app = app;
    this.strip = byId("photo-strip");
    this.chooser = make("input", {
      type: "file",
      accept: "image/*",
      multiple: true,
      hidden: true,
      onchange: () => {
        this.add([...this.chooser.files]);
        this.chooser.value = "";
      },
    });
    this.samples = make("button", { type: "button", onclick: () => this.#addSamples() }, "Samples");
    fill(
      byId("photo-add"),
      make("button", { type: "button", class: "main", id: "add-photos", onclick: () => this.chooser.click() }, "Add photos"),
      this.samples,
      this.chooser,
    );
    roving(this.strip, () => this.#items());
    this.strip.addEventListener("click", (event) => this.#click(event));
    this.strip.addEventListener("keydown", (event) => this.#key(event));
    this.#listenForDrops();
    document.addEventListener("paste", (event) => {
      const files = pictures(event.clipboardData);
      if (!files.length) return;
      event.preventDefault();
      this.add(files);
    });
    app.store.watch(["photo"], () => this.#mark());
    this.run = app.catalogue.state.run ? new Samples(app, () => this.draw()) : null;
    this.draw();
  }

  /** The samples of the store, where there is one. */
  async load() {
    if (!this.run) return;
    await this.run.show(0);
    await this.run.takeFirst();
  }

  draw() {
    const { photos, state } = this.app.catalogue;
    this.samples.hidden = !state.samples;
    const own = photos.filter((photo) => !this.run || this.run.placeOf(photo) === null);
    const samples = this.run ? this.run.items() : [];
    fill(
      this.strip,
      ...own.map((photo) => this.#item(photo)),
      ...samples,
      own.length + samples.length ? null : make("p", { class: "empty" }, "No photo yet: drop, paste or add some."),
    );
    this.#mark();
  }

  /** Send files, one after the other; the last one that is a photo is shown. */
  async add(files) {
    let last = null;
    let count = 0;
    for (const [at, file] of files.entries()) {
      if (files.length > 1) say(`Photo ${at + 1} of ${files.length}`);
      try {
        const photo = await this.app.server.call("POST", uploadPath(file.name), { body: file });
        this.#files.set(photo.id, { file, name: file.name });
        this.app.catalogue.addPhoto(photo);
        last = photo;
        count += 1;
        this.draw();
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
        const name = file.name || "The pasted picture";
        complain(error.message.includes(name) ? error.message : `${name}: ${error.message}`);
      }
    }
    if (last) this.#came(last, count);
  }

  /** Give a server that was started again what it no longer has. */
  async giveAgain(state, send) {
    const there = new Set(state.photos.map((photo) => photo.id));
    for (const [id, { file, name }] of this.#files) {
      if (there.has(id)) continue;
      try {
        state.photos.push(await send("POST", uploadPath(name), { body: file }));
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
        complain(`${name}: ${error.message}`);
      }
    }
  }

  #came(photo, count) {
    const wanted = this.app.catalogue.photoBeginning(this.app.store.get("photo"));
    this.app.store.set({ photo: (wanted && this.app.photo === null ? wanted : photo).id });
    say(count > 1 ? `${count} photos added` : `${photo.name} added`);
    this.strip.querySelector("[aria-selected=true]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  async #addSamples() {
    this.samples.disabled = true;
    try {
      const { photos } = await this.app.server.post("api/samples", {});
      for (const photo of photos) this.app.catalogue.addPhoto(photo);
      this.draw();
      if (photos.length && !this.app.photo) this.app.store.set({ photo: photos[0].id });
      say(`${photos.length} sample photos are here.`);
    } catch (error) {
      complain(error.message);
    } finally {
      this.samples.disabled = false;
    }
  }

  #item(photo) {
    return make(
      "div",
      {
        class: "photo",
        role: "option",
        "data-photo": photo.id,
        "aria-selected": "false",
        "aria-label": `${photo.name}, ${photo.width} by ${photo.height}`,
        title: `${photo.name} (${photo.width}×${photo.height})`,
        tabindex: -1,
      },
      make("img", { src: photo.thumbnail, alt: "", loading: "lazy", draggable: "false" }),
      make("span", { class: "caption" }, photo.name),
    );
  }

  #items() {
    return [...this.strip.querySelectorAll("[role=option]")];
  }

  #mark() {
    const { photo } = this.app;
    const place = this.run ? this.run.placeOf(photo) : null;
    let marked = null;
    for (const one of this.#items()) {
      const isSample = place !== null && one.dataset.at === String(place);
      const isChosen = isSample || (Boolean(photo) && one.dataset.photo === photo.id);
      one.setAttribute("aria-selected", String(isChosen));
      if (isChosen) marked = one;
    }
    onlyStop(this.#items(), marked);
  }

  #click(event) {
    const item = event.target.closest("[role=option]");
    if (item) this.#choose(item);
  }

  #choose(item) {
    if (item.dataset.at === undefined) this.app.store.set({ photo: item.dataset.photo });
    else this.run.take(Number(item.dataset.at));
  }

  #key(event) {
    const item = event.target.closest("[role=option]");
    if (!item) return;
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      this.#choose(item);
    } else if (event.key === "Delete" && item.dataset.photo) {
      event.preventDefault();
      this.#remove(item.dataset.photo);
    }
  }

  async #remove(id) {
    const photo = this.app.catalogue.photo(id);
    if (!photo || !photo.can_delete) return;
    try {
      await this.app.server.delete(`api/photos/${id}`);
    } catch (error) {
      if (!(error instanceof Refused && error.status === 404)) return complain(error.message);
    }
    const at = this.app.catalogue.photos.findIndex((one) => one.id === id);
    this.#files.delete(id);
    this.app.catalogue.dropPhoto(id);
    const left = this.app.catalogue.photos;
    if (this.app.store.get("photo") === id) {
      this.app.store.set({ photo: left.length ? left[Math.min(at, left.length - 1)].id : null });
    }
    this.draw();
    this.#items()[Math.min(at, left.length - 1)]?.focus();
    say(`${photo.name} removed`);
  }

  #listenForDrops() {
    const sign = byId("drop");
    const hasFiles = (event) => [...(event.dataTransfer?.types || [])].includes("Files");
    document.addEventListener("dragover", (event) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      sign.hidden = false;
    });
    document.addEventListener("dragleave", (event) => {
      if (!event.relatedTarget) sign.hidden = true;
    });
    document.addEventListener("drop", (event) => {
      sign.hidden = true;
      if (!hasFiles(event)) return;
      event.preventDefault();
      this.add([...event.dataTransfer.files]);
    });
  }
}

const uploadPath = (name) => `api/photos?name=${encodeURIComponent(name || "pasted.png")}`;

const pictures = (data) =>
  [...(data?.files || [])].filter((file) => file.type.startsWith("image/"));
