// Choosing several prompts: x chooses the row, Shift+x or a Shift-click those up to it, Escape none of them.
// While some are chosen, a and d mean all of them; what is about to happen is shown first, with one reason for all.

const inbox = document.querySelector("[data-inbox]");
const came = new Map(); // prompt id -> what its row says after a bulk decision
let anchor = null;

const bar = () => inbox.querySelector("#bulk");
const rows = () => [...inbox.querySelectorAll("#rows li:not(.is-gone)")].filter(boxOf);
const boxOf = (row) => row?.querySelector(".pick input");
const chosen = () => rows().filter((row) => boxOf(row).checked);
const here = () =>
  document.activeElement?.closest?.("#rows li") ?? inbox.querySelector(".row[aria-current]")?.closest("li") ?? rows()[0];

function toggle(row, upTo) {
  const box = boxOf(row);
  if (!box) return;
  const all = rows();
  const from = upTo && all.includes(anchor) ? all.indexOf(anchor) : all.indexOf(row);
  const to = all.indexOf(row);
  const wanted = upTo && all.includes(anchor) ? true : !box.checked;
  for (const each of all.slice(Math.min(from, to), Math.max(from, to) + 1)) boxOf(each).checked = wanted;
  anchor = row;
  show(true);
}

function clear() {
  for (const row of chosen()) boxOf(row).checked = false;
  anchor = null;
  show(true);
}

/** Make the bar say how many are chosen and which answers they have in common. */
function show(told) {
  const form = bar();
  if (!form) return;
  const picked = chosen();
  inbox.toggleAttribute("data-choosing", picked.length > 0);
  form.hidden = picked.length === 0;
  if (!picked.length) return;
  const words = `${picked.length} chosen`;
  form.querySelector("[data-bulk-count]").textContent = words;
  if (told) document.querySelector("#announce").textContent = words;
  const deciding = picked.filter((row) => row.dataset.alone === undefined);
  const common = agreed(deciding.map(outcomesOf));
  const buttons = form.querySelector("[data-bulk-outcomes]");
  if (buttons.dataset.shown !== JSON.stringify(common)) {
    buttons.dataset.shown = JSON.stringify(common);
    buttons.replaceChildren(...common.map(button));
  }
  form.querySelector("[data-bulk-none]").hidden = common.length > 0;
}

/** What a row may be answered. While a deploy rolls, an older server may have sent it in another way: then nothing. */
function outcomesOf(row) {
  try {
    const outcomes = JSON.parse(row.dataset.outcomes);
    return Array.isArray(outcomes) ? outcomes : [];
  } catch {
    return [];
  }
}

/** The answers they all take. Tone, key and words are the server's, and only where they agree; see shortcuts.py. */
function agreed(asked) {
  const [first = [], ...others] = asked;
  return first.flatMap((one) => {
    const same = others.map((outcomes) => outcomes.find((other) => other.value === one.value));
    if (!same.every(Boolean)) return [];
    const seen = (part) => (same.every((other) => other[part] === one[part]) ? one[part] : "");
    return [{ value: one.value, label: seen("label") || one.words || one.value, tone: seen("tone"), key: seen("key") }];
  });
}

function button({ value, label, tone, key }) {
  const made = document.createElement("button");
  made.type = "submit";
  made.name = "outcome";
  made.value = value;
  made.className = `btn small ${tone}`;
  made.textContent = label.replace(/…$/, "");
  if (key) {
    const hint = document.createElement("kbd");
    hint.textContent = key.toUpperCase();
    hint.ariaHidden = "true";
    made.dataset.bulkKey = key;
    made.append(" ", hint);
  }
  return made;
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  if (event.target.closest?.("textarea, select, dialog, [popover], details.keep[open], input:not([type=checkbox])")) return;
  if (event.key === "x" || event.key === "X") toggle(here(), event.shiftKey);
  if (!chosen().length) return;
  if (event.key === "Escape") clear();
  const answer = bar().querySelector(`[data-bulk-key="${CSS.escape(event.key)}"]`);
  if (!["a", "d", "c", "e"].includes(event.key)) return;
  // Meant for all that are chosen, and never for the one prompt beside them.
  event.preventDefault();
  event.stopImmediatePropagation();
  answer?.click();
}, true);

inbox.addEventListener("click", (event) => {
  const box = event.target.closest(".pick input");
  if (box) {
    const row = box.closest("li");
    if (event.shiftKey && anchor && anchor !== row) {
      const wanted = box.checked;
      const all = rows();
      const [from, to] = [all.indexOf(anchor), all.indexOf(row)].sort((a, b) => a - b);
      for (const each of all.slice(Math.max(from, 0), to + 1)) boxOf(each).checked = wanted;
    }
    anchor = row;
    came.clear();
    show(true);
  }
  if (event.target.closest("[data-bulk-clear]")) clear();
  if (event.target.closest("[data-bulk-back]")) {
    event.preventDefault();
    const open = inbox.querySelector(".row[aria-current]");
    inbox.querySelector("#detail").replaceChildren();
    inbox.dataset.view = "list";
    if (open && matchMedia("(min-width: 761px)").matches) open.click();
    boxOf(chosen()[0])?.focus();
  }
});

document.addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.target.id !== "detail") return;
  const told = inbox.querySelector("[data-told]");
  if (!told) return;
  came.clear();
  for (const one of told.querySelectorAll("[data-result]")) {
    came.set(one.dataset.result, {
      word: one.querySelector("[data-word]").textContent,
      tone: one.dataset.tone,
      taken: one.dataset.taken !== undefined,
    });
  }
  clear();
  mark();
  document.body.dispatchEvent(new Event("live:refresh"));
});

document.addEventListener("htmx:afterSettle", (event) => {
  // The button that was pressed is gone: whoever it left nowhere is taken to what became of it.
  if (document.activeElement === document.body) inbox.querySelector("[data-told] [data-focus]")?.focus();
  if (event.detail.target?.id !== "list") return;
  mark();
  show(false);
});

/** Say on each row what became of it. */
function mark() {
  for (const [id, { word, tone, taken }] of came) {
    const row = inbox.querySelector(`#row-${CSS.escape(id)}`);
    if (!row) continue;
    row.classList.toggle("is-gone", taken);
    const chips = row.querySelector(".chips");
    const chip = chips.querySelector("[data-came]") ?? chips.appendChild(document.createElement("span"));
    chip.dataset.came = "";
    chip.className = `chip ${tone}`;
    chip.textContent = word;
  }
}

show(false);
