// Small behaviours of forms, menus and notes; each form works as it stands without them.

const FIELDS = "textarea, input:not([type=hidden]), select";
const OPENED = "details.pop[open], details.answer[open], details.keep[open]";

document.addEventListener("change", (event) => {
  if (event.target.matches("[data-autosubmit]")) event.target.form.requestSubmit();
});

document.addEventListener("click", (event) => {
  const preset = event.target.closest("[data-preset]");
  if (preset) {
    const field = document.getElementById(preset.dataset.preset);
    field.value = field.value.trim() ? `${field.value.trim()} ${preset.textContent}` : preset.textContent;
    field.focus();
  }
  const filling = event.target.closest("[data-fills]");
  if (filling) {
    event.preventDefault();
    document.getElementById(filling.dataset.fills)?.querySelector(FIELDS)?.focus();
  }
  if (event.target.closest("[data-close-answer]")) closeDetails(event.target.closest("details"));
  const person = event.target.closest("[data-sign-in]");
  if (person) signInAs(person.dataset);
  const copy = event.target.closest("[data-copy]");
  if (copy) copyText(copy);
  for (const open of document.querySelectorAll(OPENED)) {
    if (!open.contains(event.target)) open.open = false;
  }
});

function signInAs({ email, password }) {
  const form = document.querySelector("#sign-in");
  form.elements.login.value = email;
  form.elements.password.value = password;
  form.requestSubmit();
}

async function copyText(button) {
  await navigator.clipboard.writeText(button.parentElement.querySelector("pre").textContent);
  const label = button.textContent;
  button.textContent = "Copied";
  setTimeout(() => (button.textContent = label), 1500);
}

function closeDetails(details) {
  details.open = false;
  details.querySelector("summary").focus();
}

document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && event.target.matches("textarea")) {
    event.preventDefault();
    const { form } = event.target;
    form?.requestSubmit([...form.elements].find((part) => part.type === "submit"));
  }
  if (event.key === "Escape") {
    const open = event.target.closest?.(OPENED);
    if (open) closeDetails(open);
  }
});

// What opens for words takes them at once.
document.addEventListener(
  "toggle",
  (event) => {
    if (event.target.matches?.(OPENED)) {
      (event.target.querySelector(FIELDS) ?? event.target.querySelector("form button"))?.focus();
    }
  },
  true,
);

// htmx sees the button that was pressed only within its form; a browser counts one elsewhere on the page as well.
document.addEventListener("htmx:configRequest", (event) => {
  const { submitter } = event.detail.triggeringEvent ?? {};
  if (submitter?.name) event.detail.parameters[submitter.name] = submitter.value;
});

function toast(text, kind = "toast") {
  const note = document.querySelector(`#${kind}`).content.firstElementChild.cloneNode(true);
  note.querySelector("span").textContent = text;
  document.querySelector("#toasts").replaceChildren(note);
  fade(note);
}

function fade(note) {
  setTimeout(() => note.remove(), 5000);
}

document.addEventListener("app:toast", (event) => toast(event.detail));

// What htmx could not do is said in a toast; the page, and what was typed into it, stays as it is.
document.addEventListener("htmx:beforeSwap", (event) => {
  const problem = problemIn(event.detail.xhr);
  if (!problem) return;
  event.detail.shouldSwap = false;
  toast(problem, "toast-bad");
});
document.addEventListener("htmx:sendError", (event) => {
  if (!event.detail.requestConfig.triggeringEvent?.type.includes(":")) toast("No connection. Nothing was sent.", "toast-bad");
});

/** The words of a problem page, or of an error that came without one. */
function problemIn(xhr) {
  if (xhr.status < 400) return "";
  const page = new DOMParser().parseFromString(xhr.responseText, "text/html").querySelector("[data-problem]");
  if (page) return [...page.querySelectorAll("h1, .detail")].map((part) => part.textContent.trim()).join(". ");
  return xhr.status >= 500 ? "Something went wrong on our side. Nothing was changed; try again." : "";
}
document.querySelectorAll("#toasts .toast").forEach(fade);
