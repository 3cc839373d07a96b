// Controls made of the settings that the server describes, whatever they belong to.

import { fill, make, newId } from "./dom.js";

const AUTOMATIC = "as it decides";

/**
 * The controls of settings. `values` holds what differs from the defaults; `onChange(values)` gets a
 * new object with each change. `photos()` gives the photos that a setting may choose among.
 */
export function form(settings, values, onChange, photos = () => []) {
  let current = { ...values };
  const change = (setting, value) => {
    current = { ...current };
    if (value === undefined || sameValue(value, setting.default)) delete current[setting.name];
    else current[setting.name] = value;
    onChange(current);
  };
  const field = (setting) => makeField(setting, current, (value) => change(setting, value), photos);
  const plain = settings.filter((one) => !one.advanced).map(field);
  const folded = settings.filter((one) => one.advanced);
  const place = make("div", { class: "fields" }, ...plain);
  if (folded.length) {
    const open = folded.some((one) => one.name in current);
    place.append(
      make(
        "details",
        { class: "more", open },
        make("summary", {}, `${folded.length} more`),
        make("div", {}, ...folded.map(field)),
      ),
    );
  }
  return place;
}

/** The names of required settings that have no value yet. */
export const lacking = (settings, values) =>
  settings
    .filter((one) => one.required && !(one.name in values) && MAKERS[one.kind])
    .map((one) => one.label || one.name);

function makeField(setting, values, change, photos) {
  const id = newId("field");
  const value = setting.name in values ? values[setting.name] : setting.default;
  const problem = make("p", { class: "problem", role: "alert", hidden: true });
  const box = make("div", { class: "field", "data-setting": setting.name });
  const context = {
    setting,
    id,
    value,
    photos,
    described: setting.help ? `${id}-help` : null,
    set(next, sentence = "") {
      problem.textContent = sentence;
      problem.hidden = !sentence;
      if (sentence) return;
      box.classList.toggle("changed", !sameValue(next, setting.default));
      change(next);
    },
  };
  const maker = MAKERS[setting.kind];
  if (!maker) return null;
  const control = maker(context);
  box.classList.toggle("changed", setting.name in values);
  if (setting.kind === "switch") box.classList.add("switch");
  const label = make("label", { for: id }, setting.label || setting.name);
  const unit = setting.unit ? make("span", { class: "unit" }, setting.unit) : null;
  const head = setting.kind === "switch" ? label : make("div", { class: "head" }, label, unit);
  const help = setting.help
    ? make("p", { class: "help", id: context.described }, setting.help)
    : null;
  return fill(box, head, control, help, problem);
}

const MAKERS = {
  slider: makeSlider,
  number: makeNumber,
  switch: makeSwitch,
  choice: makeChoice,
  text: makeText,
  photos: makePhotos,
};

function makeSlider(context) {
  const { setting, id, value, described } = context;
  const bounds = { min: setting.low, max: setting.high, step: setting.step || "any" };
  const start = value === null || value === undefined ? (setting.low + setting.high) / 2 : value;
  const range = make("input", {
    type: "range", id, ...bounds, value: start, "aria-describedby": described,
    oninput: () => {
      number.value = range.value;
      context.set(Number(range.value));
    },
  });
  range.value = start;
  const number = numberInput(context, (next) => {
    if (next !== null) range.value = next;
  });
  number.setAttribute("aria-label", setting.label || setting.name);
  return make("div", { class: "slider" }, range, number);
}

function makeNumber(context) {
  const input = numberInput(context, () => {});
  input.id = context.id;
  return input;
}

function numberInput(context, onRead) {
  const { setting, value, described } = context;
  const input = make("input", {
    type: "number",
    inputmode: setting.whole ? "numeric" : "decimal",
    min: setting.low,
    max: setting.high,
    step: setting.step || (setting.whole ? 1 : "any"),
    value: value === null || value === undefined ? "" : value,
    placeholder: setting.optional ? "auto" : null,
    "aria-describedby": described,
  });
  input.addEventListener("input", () => {
    const { next, sentence } = readNumber(input, setting);
    input.setAttribute("aria-invalid", sentence ? "true" : "false");
    if (!sentence) onRead(next);
    context.set(next, sentence);
  });
  return input;
}

function readNumber(input, setting) {
  if (input.value === "" && !input.validity.badInput) {
    if (setting.optional) return { next: null, sentence: "" };
    return { next: setting.required ? undefined : setting.default, sentence: "" };
  }
  const next = Number(input.value);
  if (input.validity.badInput || !Number.isFinite(next)) return { sentence: "This needs a number." };
  if (setting.whole && !Number.isInteger(next)) return { sentence: "This needs a whole number." };
  const { low, high } = setting;
  if (low !== null && low !== undefined && next < low) return { sentence: `At least ${low}.` };
  if (high !== null && high !== undefined && next > high) return { sentence: `At most ${high}.` };
  return { next, sentence: "" };
}

function makeSwitch(context) {
  const input = make("input", {
    type: "checkbox",
    id: context.id,
    "aria-describedby": context.described,
    onchange: () => context.set(input.checked),
  });
  input.checked = Boolean(context.value);
  return input;
}

function makeChoice(context) {
  const { setting, id, value, described } = context;
  if (setting.free) return makeFreeChoice(context);
  const select = make("select", {
    id,
    "aria-describedby": described,
    onchange: () => context.set(select.value === "" ? null : select.value),
  });
  if (setting.optional) select.append(make("option", { value: "" }, AUTOMATIC));
  for (const one of setting.choices) select.append(make("option", { value: one }, one));
  select.value = value === null || value === undefined ? "" : value;
  return select;
}

function makeFreeChoice(context) {
  const { setting, id, value, described } = context;
  const list = make("datalist", { id: `${id}-list` });
  for (const one of setting.choices || []) list.append(make("option", { value: one }));
  const input = make("input", {
    id,
    list: list.id,
    value: value === null || value === undefined ? "" : textOf(value),
    placeholder: setting.optional ? AUTOMATIC : null,
    autocomplete: "off",
    "aria-describedby": described,
    onchange: () => {
      const text = input.value.trim();
      const listed = (setting.choices || []).includes(text);
      if (text === "") context.set(setting.optional ? null : setting.default);
      else if (listed) context.set(text);
      else if (setting.free === "number" && !Number.isFinite(Number(text))) {
        context.set(undefined, `This needs a number or one of ${setting.choices.join(", ")}.`);
      } else context.set(setting.free === "number" ? Number(text) : parsed(text));
    },
  });
  return make("div", {}, input, list);
}

function makeText(context) {
  const { setting, id, value, described } = context;
  const input = make("input", {
    type: "text",
    id,
    value: value === null || value === undefined ? "" : textOf(value),
    placeholder: setting.optional ? AUTOMATIC : null,
    autocomplete: "off",
    spellcheck: "false",
    "aria-describedby": described,
    onchange: () => {
      const text = input.value.trim();
      if (text) context.set(parsed(text));
      else context.set(setting.required ? undefined : setting.default);
    },
  });
  return input;
}

function makePhotos(context) {
  const { setting, id, value } = context;
  const all = context.photos();
  let chosen = Array.isArray(value) ? value : null;
  const mark = make("input", {
    type: "checkbox",
    id,
    onchange: () => {
      chosen = mark.checked ? null : all.map((one) => one.id);
      for (const box of boxes) box.input.checked = true;
      context.set(chosen === null && setting.default === null ? null : chosen);
    },
  });
  mark.checked = chosen === null;
  const boxes = all.map((photo) => {
    const input = make("input", {
      type: "checkbox",
      onchange: () => {
        chosen = boxes.filter((one) => one.input.checked).map((one) => one.photo.id);
        mark.checked = false;
        context.set(chosen, chosen.length ? "" : "At least one photo is needed.");
      },
    });
    input.checked = chosen === null || chosen.includes(photo.id);
    return { input, photo };
  });
  const line = (input, text) => make("label", { class: "tick" }, input, make("span", {}, text));
  return make(
    "div",
    { class: "ticks" },
    line(mark, "all other photos"),
    ...boxes.map(({ input, photo }) => line(input, photo.name)),
  );
}

const textOf = (value) => (typeof value === "string" ? value : JSON.stringify(value));

// Numbers and lists of them are meant as such; all else is text.
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

const sameValue = (one, other) => JSON.stringify(one) === JSON.stringify(other);
