// Lets people read and type dates with times in their own zone: pages hold them, and forms send them, in UTC.

const local = new WeakSet();
const zone = new Intl.DateTimeFormat().resolvedOptions().timeZone;

function here(text) {
  const moment = new Date(`${text}Z`);
  if (Number.isNaN(moment.getTime())) return text;
  return new Date(moment.getTime() - moment.getTimezoneOffset() * 60_000).toISOString().slice(0, text.length);
}

function translate() {
  for (const field of document.querySelectorAll("input[data-zone]")) {
    const hint = document.getElementById(`${field.id}-hint`);
    if (hint) hint.textContent = hint.textContent.replace(/In UTC\.$/, `In your zone, ${zone.replaceAll("_", " ")}.`);
    if (local.has(field)) continue;
    local.add(field);
    if (field.value) field.defaultValue = field.value = here(field.value);
  }
}

document.addEventListener("formdata", (event) => {
  for (const field of event.target.querySelectorAll("input[data-zone]")) {
    // Without the Z, so that a page that comes back with an error can put it into the field again.
    if (local.has(field) && field.value) event.formData.set(field.name, new Date(field.value).toISOString().slice(0, -1));
  }
});

translate();
document.addEventListener("htmx:afterSettle", translate);
