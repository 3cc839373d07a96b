// The state in the address: whoever follows the link sees the same.

const TEXTS = ["net", "net2", "photo", "view", "layer", "method", "compare", "sort", "inside", "of"];
const VALUES = [
  "target", "target2", "methods", "options", "drawing", "unit", "page", "arguments", "metrics",
  "metricOptions", "controls", "box",
];

/** Changes of these are steps that the Back button goes through; others only change the address. */
const STEPS = ["net", "photo", "view", "layer", "method", "target"];

/** Photos are named by as many digits of their hash. */
const DIGITS = 16;

/** The state that the address holds: only what it says. */
export function read(hash = location.hash) {
  const found = {};
  for (const part of hash.replace(/^#/, "").split("&")) {
    const at = part.indexOf("=");
    if (at < 1) continue;
    const name = part.slice(0, at);
    try {
      const text = decodeURIComponent(part.slice(at + 1));
      if (TEXTS.includes(name)) found[name] = text;
      else if (VALUES.includes(name)) found[name] = JSON.parse(text);
    } catch {
      // half of a link: the rest of it still counts
    }
  }
  return found;
}

/** The token that the printed address carries, which is taken out of the address. */
export function takeToken() {
  const found = /(?:^#|&)token=([^&]*)/.exec(location.hash);
  if (!found) return null;
  const rest = location.hash.replace(found[0], "").replace(/^#?&?/, "");
  history.replaceState(null, "", `${location.pathname}${location.search}${rest && `#${rest}`}`);
  return decodeURIComponent(found[1]);
}

/** The address of a state, as far as it differs from how the page starts. */
export function hashOf(values, defaults) {
  const parts = [];
  for (const name of [...TEXTS, ...VALUES]) {
    const value = values[name];
    if (value === undefined || value === null) continue;
    if (JSON.stringify(value) === JSON.stringify(defaults[name])) continue;
    if (typeof value === "object" && !Object.keys(value).length) continue;
    const text = VALUES.includes(name) ? JSON.stringify(value) : String(value);
    parts.push(`${name}=${encoded(name === "photo" ? text.slice(0, DIGITS) : text)}`);
  }
  return parts.length ? `#${parts.join("&")}` : "#";
}

/** Keep the address to the state from now on, and the state to the address. */
export function follow(store, defaults, onFollowed) {
  const now = () => hashOf(store.all, defaults());
  store.watch(null, (changed) => {
    if (now() === (location.hash || "#")) return;
    const isStep = STEPS.some((name) => changed.has(name));
    history[isStep ? "pushState" : "replaceState"](null, "", now());
  });
  window.addEventListener("popstate", () => {
    if (now() !== (location.hash || "#")) onFollowed(read());
  });
}

// Braces, quotes and commas may stand in an address as they are: it stays legible.
function encoded(text) {
  return encodeURIComponent(text).replace(/%(7B|7D|22|3A|2C|5B|5D)/g, (one) =>
    one === "%22" ? one : decodeURIComponent(one),
  );
}
