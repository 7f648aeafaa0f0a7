// The inbox by keyboard, and what comes after a decision: the next row, or the next arrival when the list is empty.
// One key alone never confirms what is of high risk: there the keys point at an answer that opens first.

const SETTLE = 600; // ms after a new prompt came up in which a or d is still meant for the one before
const PAUSE = 1000; // ms without a key after which keys are keys again
const inbox = document.querySelector("[data-inbox]");
const wide = matchMedia("(min-width: 761px)");
let shownAt = 0;
let swappedAt = 0;
let focusVerdict = false;
let decidedBeside = [];
let dropped = ""; // the key that came too early: what is typed on is a reason then, and no keys
let pressedAt = 0;

const current = () => inbox.querySelector(".row[aria-current]");
const article = () => inbox.querySelector("[data-prompt]");
const links = () => [...inbox.querySelectorAll("#rows li:not(.is-gone) .row")];

/** An answer on the prompt in view that was asked for before what is shown came up: it must not close what was opened since. */
function isLate({ path, startedAt }) {
  const shown = article();
  return Boolean(shown) && path.includes(shown.dataset.prompt) && startedAt < swappedAt;
}

/** A prompt that was to be looked at before several were to be decided: it must not take their place. */
function isOvertaken({ verb, startedAt }) {
  return verb === "get" && startedAt < swappedAt && inbox.querySelector("[data-bulk]") !== null;
}

function move(step) {
  const all = links();
  if (!all.length) return;
  const at = all.indexOf(current());
  const next = all[at < 0 ? 0 : Math.min(Math.max(at + step, 0), all.length - 1)];
  if (next === current()) return;
  mark(next);
  next.focus();
  next.scrollIntoView({ block: "nearest" });
  next.click();
}

function mark(link) {
  for (const row of inbox.querySelectorAll(".row[aria-current]")) row.removeAttribute("aria-current");
  link?.setAttribute("aria-current", "true");
}

function open(link) {
  mark(link);
  htmx.ajax("GET", link.getAttribute("href"), { target: "#detail", swap: "innerHTML show:none" });
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  if (event.target.closest?.("input, textarea, select, dialog, [popover], details.keep[open]")) return;
  const now = Date.now();
  if (dropped && event.key !== dropped && now - pressedAt < PAUSE) {
    pressedAt = now;
    return;
  }
  if (event.key === "j") move(1);
  if (event.key === "k") move(-1);
  if (!["a", "d", "c", "e"].includes(event.key) || event.repeat) return;
  pressedAt = now;
  dropped = now - shownAt < SETTLE ? event.key : "";
  if (dropped) return;
  const button = inbox.querySelector(`#detail [data-key="${event.key}"]`);
  if (button) {
    event.preventDefault();
    button.click();
    // At once: the next key is already meant for the reason.
    button.closest("details[open]")?.querySelector("textarea")?.focus();
  }
});

inbox.addEventListener("click", (event) => {
  // A press of Enter on a row leads into the prompt; a click with the mouse leaves the focus where it is.
  if (event.isTrusted && event.detail === 0 && event.target.closest(".row")) focusVerdict = true;
});

document.addEventListener("htmx:beforeRequest", (event) => {
  const row = event.detail.elt.closest?.("#rows li");
  // The list has opened it by itself already; asking again would only close what is opened in it meanwhile.
  if (row && wide.matches && row.dataset.row === article()?.dataset.prompt) event.preventDefault();
  event.detail.requestConfig.startedAt = Date.now();
  if (event.detail.elt.matches?.("[data-decide]") && article()) decidedBeside = neighbours(article().dataset.prompt);
});

document.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.target.id !== "detail") return;
  if (isOvertaken(event.detail.requestConfig)) {
    event.detail.shouldSwap = false;
    return;
  }
  if (isLate(event.detail.requestConfig)) {
    // A late look knows nothing newer; a late answer to what was done here may.
    if (event.detail.requestConfig.verb === "get") event.detail.shouldSwap = false;
    else event.detail.swapOverride = "morph";
    return;
  }
  // New content comes in before the old goes: an answer left open there would close its namesake here.
  for (const old of inbox.querySelectorAll("details[name]")) old.removeAttribute("name");
});

document.addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.target.id !== "detail") return;
  swappedAt = Date.now();
  const shown = article();
  const together = inbox.querySelector("[data-bulk]");
  inbox.dataset.view = shown || together ? "detail" : "list";
  together?.querySelector("[data-focus]")?.focus();
  if (!shown) return;
  if (event.detail.requestConfig?.triggeringEvent && /^(sse|live):/.test(event.detail.requestConfig.triggeringEvent.type)) return;
  shownAt = Date.now();
  mark(inbox.querySelector(`#row-${CSS.escape(shown.dataset.prompt)} .row`));
  document.title = `${shown.querySelector("#verdict").textContent} · ${document.title.split(" · ").at(-1)}`;
  const notice = shown.querySelector("[data-focus]");
  if (notice) notice.focus();
  else if (focusVerdict) shown.querySelector("#verdict").focus();
  focusVerdict = false;
});

document.addEventListener("htmx:afterRequest", (event) => {
  // The form itself is gone by now; htmx tells on what was around it.
  if (!event.detail.requestConfig.elt.matches("[data-decide]") || event.detail.xhr.status >= 400) return;
  const decided = article();
  if (!decided || decided.querySelector("[data-decide]")) return;
  const said = decided.querySelector("#prompt-notice .chip")?.textContent.trim() ?? "Done";
  document.dispatchEvent(new CustomEvent("app:toast", { detail: `${said}: ${decided.querySelector("#verdict").textContent}` }));
  after(decided.dataset.prompt);
});

document.addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.target.id !== "list" || !event.detail.requestConfig.elt.matches("[data-searches]")) return;
  // From now on what comes in is looked for among what was found.
  event.detail.target.setAttribute("hx-get", event.detail.pathInfo.finalRequestPath);
  htmx.process(event.detail.target);
  const found = links().length;
  document.querySelector("#announce").textContent = found === 1 ? "1 prompt" : `${found || "No"} prompts`;
});

document.addEventListener("submit", (event) => {
  if (!event.target.matches("[data-keeps]")) return;
  // What stands in the search may be newer than the list.
  const view = new URLSearchParams(event.target.elements.query.value);
  view.set("q", inbox.querySelector("[data-search]").value);
  event.target.elements.query.value = view;
});

function after(id) {
  const next = nextAfter(id);
  rowOf(id)?.remove();
  focusVerdict = true;
  if (next) {
    mark(next.querySelector(".row")); // or a list that comes in just now takes its first
    next.querySelector(".row").click();
  } else {
    inbox.querySelector("#verdict")?.focus();
    htmx.ajax("GET", inbox.querySelector(".tabs [aria-current]")?.href ?? "/inbox/", { target: "#list", swap: "morph" });
  }
}

const rowOf = (id) => inbox.querySelector(`#row-${CSS.escape(id)}`);

/** The rows below a prompt, then those above it, nearest first, as they stood when its answer was sent. */
function neighbours(id) {
  const ids = [...inbox.querySelectorAll("#rows li")].map((row) => row.dataset.row);
  const at = ids.indexOf(id);
  return at < 0 ? [] : [...ids.slice(at + 1), ...ids.slice(0, at).reverse()];
}

/** The live list may have dropped the decided row before its own answer is back, so its place is remembered. */
function nextAfter(id) {
  const around = decidedBeside.length ? decidedBeside : neighbours(id);
  decidedBeside = [];
  return around.map(rowOf).find((row) => row && !row.classList.contains("is-gone"));
}

/** With nothing left to decide in view, the first prompt of the list is taken. */
function takeFirst() {
  const shown = article();
  if (inbox.querySelector("[data-bulk]")) return;
  if (!wide.matches || (shown && (shown.dataset.status === "pending" || links().includes(current())))) return;
  const [first] = links();
  if (first) open(first);
}

document.addEventListener("htmx:afterSettle", (event) => event.detail.target?.id === "list" && takeFirst());
if (!article()) takeFirst();
