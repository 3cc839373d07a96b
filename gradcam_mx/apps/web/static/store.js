// The state of the page: what is chosen, as flat names and values, and who wants to know of changes.

/** Values, and listeners that are called once for all changes made together. */
export class Store {
  #values;
  #listeners = [];
  #changed = new Set();
  #planned = false;

  constructor(values) {
    this.#values = { ...values };
  }

  get(name) {
    return this.#values[name];
  }

  get all() {
    return { ...this.#values };
  }

  set(values) {
    for (const [name, value] of Object.entries(values)) {
      if (same(this.#values[name], value)) continue;
      this.#values[name] = value;
      this.#changed.add(name);
    }
    if (this.#changed.size && !this.#planned) {
      this.#planned = true;
      queueMicrotask(() => this.#tell());
    }
  }

  /** Call `listener(changed names)` after changes of one of the names (of any, without names). */
  watch(names, listener) {
    this.#listeners.push({ names, listener });
  }

  #tell() {
    const changed = this.#changed;
    this.#changed = new Set();
    this.#planned = false;
    for (const { names, listener } of this.#listeners) {
      if (!names || names.some((name) => changed.has(name))) listener(changed);
    }
  }
}

export const same = (one, other) => one === other || JSON.stringify(one) === JSON.stringify(other);
