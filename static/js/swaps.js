// Two ways for htmx to put a fragment in place without anything jumping:
// hx-swap="morph" changes only what differs and leaves focus, open details and typed text alone;
// hx-swap="merge" does so for a list of rows, and holds back new rows that would push others down.

const KEPT_ATTRIBUTES = new Set(["open", "aria-current", "data-view"]);

htmx.defineExtension("swaps", {
  handleSwap(style, target, fragment) {
    if (style === "morph") {
      if (target.id === "list") arrived.clear();
      return morph(target, fragment);
    }
    if (style === "merge") return merge(target, fragment);
    return false;
  },
});

/** Make `old` have the children of `fresh`; returns the elements that htmx has to look at again. */
function morph(old, fresh, changed = []) {
  let place = old.firstChild;
  for (const next of [...fresh.childNodes]) {
    const match = partner(old, place, next);
    if (!match) {
      const added = document.importNode(next, true);
      old.insertBefore(added, place);
      if (added.nodeType === Node.ELEMENT_NODE) changed.push(added);
      continue;
    }
    if (match === place) place = place.nextSibling;
    else old.insertBefore(match, place);
    update(match, next, changed);
  }
  while (place) {
    const rest = place.nextSibling;
    if (!hasUnsaved(place)) place.remove();
    place = rest;
  }
  return changed;
}

/** The node among old's children, from `place` on, that `next` is the new state of. */
function partner(old, place, next) {
  if (next.id) return [...old.children].find((child) => child.id === next.id && child.nodeName === next.nodeName);
  let node = place;
  while (node && (node.id || kind(node) !== kind(next))) node = node.nextSibling;
  return node;
}

/** What a node without an id is: a notice that goes must not be taken for the columns that follow it. */
function kind(node) {
  return [node.nodeName, node.classList?.[0], node.getAttribute?.("aria-labelledby")].join(" ");
}

function update(old, next, changed) {
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.nodeValue !== next.nodeValue) old.nodeValue = next.nodeValue;
    return;
  }
  if (old.isEqualNode(next)) return;
  if (copyAttributes(old, next)) changed.push(old);
  if (isField(old)) return;
  morph(old, next, changed);
}

/** Returns whether an attribute that htmx reads has changed. */
function copyAttributes(old, next) {
  let forHtmx = false;
  for (const { name } of [...old.attributes]) {
    if (!next.hasAttribute(name) && !isKept(old, name)) old.removeAttribute(name);
  }
  for (const { name, value } of next.attributes) {
    if (isKept(old, name)) continue;
    if (old.getAttribute(name) === value) continue;
    old.setAttribute(name, value);
    forHtmx ||= name.startsWith("hx-");
  }
  return forHtmx;
}

/** What is typed or chosen, and the height that somebody dragged a field to, are the reader's. */
function isKept(element, name) {
  return KEPT_ATTRIBUTES.has(name) || (isField(element) && ["value", "checked", "style"].includes(name));
}

function isField(element) {
  return element.matches("textarea, select, input:not([type=hidden])");
}

/** What somebody typed stays, whatever the server says in the meantime. */
function hasUnsaved(node) {
  if (node.nodeType !== Node.ELEMENT_NODE) return false;
  return [...node.querySelectorAll("textarea, input:not([type=hidden])")].some(
    (field) => field.value !== field.defaultValue || field.checked !== field.defaultChecked,
  );
}

// What is new and held back: it would push others down. What comes after all that is known is shown at once.
const arrived = new Set();

function merge(target, fragment) {
  const rows = target.querySelector("#rows");
  const fresh = fragment.querySelector("#rows");
  if (!rows?.children.length || !fresh?.children.length) {
    arrived.clear();
    return morph(target, fragment);
  }
  const changed = [];
  const added = [];
  const known = new Map([...rows.children].map((row) => [row.dataset.row, row]));
  const coming = new Map([...fresh.children].map((row) => [row.dataset.row, row]));
  for (const [id, row] of known) {
    if (coming.has(id)) update(row, coming.get(id), changed);
    else leave(row, target);
  }
  const last = [...coming.keys()].findLastIndex((id) => known.has(id));
  [...coming].forEach(([id, row], index) => {
    if (known.has(id)) return;
    if (index < last) arrived.add(id);
    else added.push(append(rows, row));
  });
  morphBeside(target, fragment, changed);
  for (const id of arrived) if (!coming.has(id) || rows.querySelector(`#row-${CSS.escape(id)}`)) arrived.delete(id);
  showPill(target, coming);
  if (added.length && !arrived.size) document.querySelector("#announce").textContent = `${added.length} more at the end`;
  return [...changed, ...added];
}

function append(rows, row) {
  const added = document.importNode(row, true);
  added.classList.add("is-new");
  rows.append(added);
  return added;
}

/** A row that is no longer in the list goes when the pointer is not over the list, so that no click hits another. */
function leave(row, list) {
  row.classList.add("is-gone");
  const go = () => row.isConnected && !row.querySelector("[aria-current]") && row.remove();
  if (list.matches(":hover")) list.addEventListener("pointerleave", go, { once: true });
  else go();
}

/** Everything of the list but its rows and its pill. */
function morphBeside(target, fragment, changed) {
  const head = target.querySelector(".inbox-head");
  const next = fragment.querySelector(".inbox-head");
  if (head && next) update(head, next, changed);
}

function showPill(target, coming) {
  const pill = target.querySelector("#new-pill");
  if (!pill) return;
  pill.hidden = arrived.size === 0;
  if (pill.hidden) return;
  const [id] = arrived;
  const ask = coming.get(id)?.querySelector(".ask")?.textContent.trim();
  pill.lastElementChild.textContent = arrived.size === 1 && ask ? `1 new: ${ask}` : `${arrived.size} new`;
  pill.dataset.opens = arrived.size === 1 ? id : "";
  document.querySelector("#announce").textContent = `${arrived.size} new`;
}

document.addEventListener("click", async (event) => {
  const pill = event.target.closest("#new-pill");
  if (!pill || event.metaKey || event.ctrlKey) return;
  event.preventDefault();
  const opens = pill.dataset.opens;
  arrived.clear();
  pill.hidden = true;
  await htmx.ajax("GET", location.href, { target: "#list", swap: "morph" });
  if (opens) document.querySelector(`#row-${CSS.escape(opens)} .row`)?.click();
  else document.querySelector(".inbox-scroll")?.scrollTo({ top: 0 });
});
