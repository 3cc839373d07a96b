// One stop of the Tab key for a list of many: the arrow keys move inside of it.

/**
 * Let arrow keys, Home and End move among the elements that `items()` gives.
 * `columns()` says how many stand in a row, where up and down move by rows; 0: all in one line.
 */
export function roving(container, items, columns = () => 0) {
  container.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const all = items();
    const at = all.indexOf(document.activeElement);
    if (at < 0) return;
    const row = Math.max(1, columns());
    const moves = {
      ArrowRight: at + 1,
      ArrowDown: at + row,
      ArrowLeft: at - 1,
      ArrowUp: at - row,
      Home: 0,
      End: all.length - 1,
    };
    if (!(event.key in moves)) return;
    event.preventDefault();
    const next = moves[event.key];
    if (next >= 0 && next < all.length) focusOn(all, all[next]);
  });
  container.addEventListener("focusin", (event) => {
    const all = items();
    if (all.includes(event.target)) onlyStop(all, event.target);
  });
}

/** Make one of the elements the stop of the Tab key: the chosen one, or else the first. */
export function onlyStop(all, chosen) {
  const stop = all.includes(chosen) ? chosen : all[0];
  for (const one of all) one.tabIndex = one === stop ? 0 : -1;
}

function focusOn(all, element) {
  onlyStop(all, element);
  element.focus();
}

/** How many of the elements stand in the first row, as the page lays them out. */
export function inFirstRow(all) {
  if (!all.length) return 0;
  const top = all[0].offsetTop;
  const below = all.findIndex((one) => one.offsetTop > top + 4);
  return below < 0 ? all.length : below;
}
