// Keys that work on every page: g then a letter goes to a room, / searches, ? lists the keys. Off inside fields.

let going = 0;

/** Whether this key press is meant for the page and not for a field, a dialog or the browser. */
function isOurs(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return false;
  return !event.target.closest?.("input, textarea, select, [contenteditable], dialog, [popover]");
}

document.addEventListener("keydown", (event) => {
  if (!isOurs(event)) return;
  if (Date.now() - going < 1500) {
    going = 0;
    const room = document.querySelector(`[data-letter="${CSS.escape(event.key)}"]`);
    if (room) {
      event.preventDefault();
      event.stopImmediatePropagation();
      location.assign(room.href);
    }
    return;
  }
  if (event.key === "g") going = Date.now();
  if (event.key === "?") document.querySelector("#keys")?.showModal();
  if (event.key === "/") {
    const field = document.querySelector("[data-search]");
    if (field) {
      event.preventDefault();
      field.select();
    }
  }
});

for (const opener of document.querySelectorAll("[data-opens=keys]")) {
  opener.hidden = false;
  opener.addEventListener("click", () => {
    document.querySelector("#account-menu")?.hidePopover();
    document.querySelector("#keys").showModal();
  });
}
