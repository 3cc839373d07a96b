// Elements made of names, attributes and text. Data only ever becomes text, never markup.

/**
 * Make an element: make("button", {class: "plain", onclick: run}, "Text", other, null).
 * A property that begins with "on" is a listener, true sets an empty attribute, false, null and
 * undefined leave it out.
 */
export function make(name, attributes = {}, ...children) {
  return fill(set(document.createElement(name), attributes), ...children);
}

const SVG = "http://www.w3.org/2000/svg";

/** The same for a drawing. */
export function draw(name, attributes = {}, ...children) {
  return fill(set(document.createElementNS(SVG, name), attributes), ...children);
}

/** Put what is given in place of what an element holds. */
export function fill(element, ...children) {
  element.replaceChildren(...children.flat().filter((one) => one !== null && one !== undefined));
  return element;
}

export function set(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value === false || value === null || value === undefined) element.removeAttribute(name);
    else element.setAttribute(name, String(value));
  }
  return element;
}

export const byId = (id) => document.getElementById(id);

let made = 0;

/** A name that no other element has. */
export const newId = (word) => `${word}-${++made}`;

/** Call with the last arguments once nothing more came for a while. */
export function settled(milliseconds, call) {
  let timer = 0;
  return (...values) => {
    clearTimeout(timer);
    timer = setTimeout(() => call(...values), milliseconds);
  };
}

/** A file that the browser saves. */
export function save(blob, name) {
  const address = URL.createObjectURL(blob);
  const link = make("a", { href: address, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
}
