// The live connection: one event source a page, which htmx's sse extension listens on through us.
// It pauses while the page is hidden (browsers allow few connections a host), opens again by itself,
// and after each gap asks the page to fetch afresh what it may have missed.

const PAUSE_AFTER = 60_000;
const GAP = 300;

class LiveSource {
  constructor(url) {
    this.url = url;
    this.listeners = new Map();
    this.wait = 500;
    this.readyState = EventSource.CONNECTING;
    document.addEventListener("visibilitychange", () => this.onVisibility());
    this.connect();
  }

  connect() {
    if (this.stopped || this.inner) return;
    this.inner = new EventSource(this.url);
    for (const name of this.listeners.keys()) this.inner.addEventListener(name, this);
    this.inner.onopen = () => this.onOpen();
    this.inner.onerror = () => this.onError();
  }

  onOpen() {
    this.wait = 500;
    this.readyState = EventSource.OPEN;
    showState(true);
    if (this.wasOpen) document.body.dispatchEvent(new Event("live:refresh"));
    this.wasOpen = true;
    this.url = this.url.replace(/&since=\d+/, ""); // from here on we fetch what we missed
    this.onopen?.(new Event("open"));
  }

  onError() {
    showState(false);
    if (this.inner?.readyState !== EventSource.CLOSED) return;
    this.disconnect();
    setTimeout(() => this.connect(), this.wait * (0.5 + Math.random()));
    this.wait = Math.min(this.wait * 2, 5_000);
  }

  onVisibility() {
    clearTimeout(this.pausing);
    if (document.hidden) this.pausing = setTimeout(() => this.disconnect(), PAUSE_AFTER);
    else this.connect();
  }

  disconnect() {
    this.inner?.close();
    this.inner = null;
    this.readyState = EventSource.CONNECTING;
  }

  close() {
    this.stopped = true;
    this.readyState = EventSource.CLOSED;
    this.disconnect();
  }

  addEventListener(name, listener) {
    if (!this.listeners.has(name)) {
      this.listeners.set(name, new Set());
      this.inner?.addEventListener(name, this);
    }
    this.listeners.get(name).add(listener);
  }

  removeEventListener(name, listener) {
    this.listeners.get(name)?.delete(listener);
  }

  /** Called by the browser for each event; many of one kind at once become the first and one more. */
  handleEvent(event) {
    const kind = `${event.type} ${event.data}`;
    this.held ??= new Map();
    if (this.held.has(kind)) {
      this.held.set(kind, event);
      return;
    }
    this.held.set(kind, null);
    this.emit(event);
    setTimeout(() => {
      const late = this.held.get(kind);
      this.held.delete(kind);
      if (late) this.handleEvent(late);
    }, GAP);
  }

  emit(event) {
    for (const listener of [...(this.listeners.get(event.type) ?? [])]) listener(event);
  }
}

htmx.createEventSource = (url) => new LiveSource(url);

let worry;

function showState(connected) {
  const note = document.querySelector("#link-state");
  if (!note) return;
  if (!connected) {
    worry ??= setTimeout(() => (note.hidden = false), 2000);
    return;
  }
  clearTimeout(worry);
  worry = undefined;
  note.hidden = true;
}

// An element may care for one key of its topic only: data-live-key.
document.addEventListener("htmx:beforeRequest", (event) => {
  const key = event.target.dataset?.liveKey;
  const heard = event.detail.requestConfig.triggeringEvent?.detail?.data;
  if (key && heard && !heard.includes(key)) event.preventDefault();
});
