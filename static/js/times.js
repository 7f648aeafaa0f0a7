// Keeps `<time>` current, in the words of flowapp/web/wording.py, and shows the reader's own zone on hover.

const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });
const MINUTE = 60;
const HOUR = 3600;
const DAY = 86400;

function rough(seconds) {
  if (seconds < HOUR) return `${Math.max(Math.floor(seconds / MINUTE + 0.5), 1)} min`;
  if (seconds < 2 * DAY) return `${Math.floor(seconds / HOUR + 0.5)} h`;
  return `${Math.floor(seconds / DAY + 0.5)} d`;
}

function day(moment) {
  const sameYear = moment.getFullYear() === new Date().getFullYear();
  const text = `${moment.getDate()} ${moment.toLocaleString("en", { month: "short" })}`;
  return sameYear ? text : `${text} ${moment.getFullYear()}`;
}

/** A moment to come, as in "Mon 23 Nov, 14:05". */
function clockTime(moment) {
  const weekday = moment.toLocaleString("en", { weekday: "short" });
  return `${weekday} ${day(moment)}, ${moment.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" })}`;
}

function words(moment, style) {
  if (style === "at") return clockTime(moment);
  const seconds = (moment - Date.now()) / 1000;
  const distance = Math.abs(seconds);
  if (style === "due" && seconds <= 0) return `${rough(Math.max(distance, MINUTE))} over`;
  if (distance < 45) return seconds <= 0 ? "just now" : "in a moment";
  if (distance >= 7 * DAY) return day(moment);
  return seconds > 0 ? `in ${rough(distance)}` : `${rough(distance)} ago`;
}

function refresh() {
  for (const element of document.querySelectorAll("time[data-style]")) {
    const moment = new Date(element.dateTime);
    const text = words(moment, element.dataset.style);
    if (element.textContent !== text) element.textContent = text;
    element.title = exact.format(moment);
    if (element.dataset.style === "due") element.classList.toggle("over", moment <= Date.now());
  }
}

refresh();
setInterval(refresh, 15_000);
document.addEventListener("htmx:afterSettle", refresh);
