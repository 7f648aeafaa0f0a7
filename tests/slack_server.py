"""A small Slack on this machine: the methods of its API that Flowapp calls, as the real slack_sdk sees them.

It keeps what was posted, refuses what the real one refuses (unknown tokens, too long blocks), can be down or busy, and
presses buttons: signed, as Slack does it.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode

TOKEN = "xoxb-of-the-tests"
APP_TOKEN = "xapp-of-the-tests"
SECRET = "a-signing-secret-of-the-tests"
TEAM = "T0ACME"
_MOST_BLOCKS, _LONGEST_TEXT, _LONGEST_HEADER = 50, 3000, 150


@dataclass
class Message:
    """A message as it stands now."""

    channel: str
    ts: str
    text: str
    blocks: list[dict[str, Any]]
    thread: str = ""

    @property
    def elements(self) -> list[dict[str, Any]]:
        return [one for block in self.blocks if block["type"] == "actions" for one in block["elements"]]

    @property
    def buttons(self) -> dict[str, dict[str, Any]]:
        """What decides, by its words; links are none."""
        return {one["text"]["text"]: one for one in self.elements if "url" not in one}

    @property
    def words(self) -> str:
        """Everything one can read on it."""
        texts = [block["text"]["text"] for block in self.blocks if "text" in block]
        texts += [one["text"] for block in self.blocks if block["type"] == "context" for one in block["elements"]]
        return "\n".join(texts)


@dataclass
class SlackServer:
    """What the server knows. Tests fill in `people` (address to id) and look at the rest."""

    url: str = ""
    people: dict[str, str] = field(default_factory=dict)
    messages: dict[tuple[str, str], Message] = field(default_factory=dict)
    asides: list[dict[str, Any]] = field(default_factory=list)
    dialogs: list[dict[str, Any]] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    status: int = 200
    retry_after: int = 0
    lose_answers: bool = False
    revoked: bool = False
    hang: threading.Event | None = None  # dialogs open only once this is set
    socket_url: str = ""
    _count: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def of(self, address: str) -> list[Message]:
        """The messages in the conversation with this person."""
        channel = f"D{self.people[address]}"
        return [one for one in self.messages.values() if one.channel == channel and not one.thread]

    def live_buttons(self) -> list[str]:
        """Every button that could still be pressed, anywhere."""
        return [label for one in self.messages.values() for label in one.buttons]

    def answer(self, method: str, token: str, given: dict[str, Any]) -> dict[str, Any]:
        with self._lock:
            self.calls.append(method)
            if method == "apps.connections.open":
                ok = token == APP_TOKEN
                return {"ok": ok, "url": self.socket_url} if ok else {"ok": False, "error": "invalid_auth"}
            if token != TOKEN or self.revoked:
                return {"ok": False, "error": "invalid_auth"}
            known: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
                "auth.test": self._auth,
                "users.lookupByEmail": self._look_up,
                "chat.postMessage": self._post,
                "chat.update": self._update,
                "chat.postEphemeral": self._aside,
                "views.open": self._dialog,
            }
            if method not in known:
                return {"ok": False, "error": "unknown_method"}
            return known[method](given)

    def _auth(self, given: dict[str, Any]) -> dict[str, Any]:
        return {"ok": True, "team": "Acme", "team_id": TEAM, "user_id": "U0BOT", "bot_id": "B0BOT"}

    def _look_up(self, given: dict[str, Any]) -> dict[str, Any]:
        found = self.people.get(given["email"])
        return {"ok": True, "user": {"id": found}} if found else {"ok": False, "error": "users_not_found"}

    def _post(self, given: dict[str, Any]) -> dict[str, Any]:
        if error := _wrong(given.get("blocks", [])):
            return {"ok": False, "error": error}
        self._count += 1
        to = given["channel"]
        channel, ts = (to if to.startswith("D") else f"D{to}"), f"1700000000.{self._count:06d}"
        thread = given.get("thread_ts", "")
        self.messages[channel, ts] = Message(channel, ts, given["text"], given.get("blocks", []), thread)
        return {"ok": True, "channel": channel, "ts": ts}

    def _update(self, given: dict[str, Any]) -> dict[str, Any]:
        found = self.messages.get((given["channel"], given["ts"]))
        if found is None:
            return {"ok": False, "error": "message_not_found"}
        if error := _wrong(given.get("blocks", [])):
            return {"ok": False, "error": error}
        found.text, found.blocks = given["text"], given["blocks"]
        return {"ok": True, "channel": found.channel, "ts": found.ts}

    def _aside(self, given: dict[str, Any]) -> dict[str, Any]:
        self.asides.append(given)
        return {"ok": True, "message_ts": "1"}

    def _dialog(self, given: dict[str, Any]) -> dict[str, Any]:
        if given["trigger_id"] != "trigger":
            return {"ok": False, "error": "expired_trigger_id"}
        if error := wrong_in_dialog(given["view"]):
            return {"ok": False, "error": "invalid_arguments", "response_metadata": {"messages": [error]}}
        self.dialogs.append(given["view"])
        return {"ok": True, "view": {"id": "V1"}}


def pressed(message: Message, button: dict[str, Any], user: str, *, team: str = TEAM) -> dict[str, Any]:
    """What Slack tells the app when this person presses this button."""
    return {
        "type": "block_actions",
        "user": {"id": user, "username": user.lower(), "team_id": team},
        "team": {"id": team, "domain": "acme"},
        "api_app_id": "A0",
        "trigger_id": "trigger",
        "container": {"type": "message", "message_ts": message.ts, "channel_id": message.channel},
        "channel": {"id": message.channel, "name": "directmessage"},
        "actions": [{**button, "block_id": "b", "action_ts": "1"}],
    }


def submitted(
    dialog: dict[str, Any], user: str, reason: str = "", *, put: dict[str, Any] | None = None, team: str = TEAM
) -> dict[str, Any]:
    """What Slack tells the app when this person sends the dialog, after they `put` something in, by its label."""
    assert not wrong_in_dialog(dialog)
    left = dict(put or {})
    values: dict[str, Any] = {}
    for block in _inputs(dialog):
        element, label = block["element"], block["label"]["text"]
        given = left.pop(label) if label in left else reason if block["block_id"] == "reason" and reason else None
        value = _state(element, given)
        empty = not any(value[name] for name in value if name != "type")
        assert block["optional"] or not empty or label == "Reason", f"Slack itself asks for {label}"
        values[block["block_id"]] = {element["action_id"]: value}
    assert not left, f"no such input: {left}"
    return {
        "type": "view_submission",
        "user": {"id": user, "username": user.lower(), "team_id": team},
        "team": {"id": team, "domain": "acme"},
        "api_app_id": "A0",
        "trigger_id": "trigger",
        "view": {**dialog, "id": "V1", "state": {"values": values}, "hash": "1"},
    }


def _inputs(dialog: dict[str, Any]) -> list[dict[str, Any]]:
    return [block for block in dialog["blocks"] if block["type"] == "input"]


_STATE = {
    "datepicker": ("selected_date", "initial_date"),
    "timepicker": ("selected_time", "initial_time"),
    "datetimepicker": ("selected_date_time", "initial_date_time"),
}


def _state(element: dict[str, Any], given: Any) -> dict[str, Any]:
    """What an input holds: what was put in, else what it opened with. An empty text takes that away."""
    kind = element["type"]
    if kind in ("checkboxes", "multi_static_select"):
        chosen = [_option(element, one) for one in given] if given is not None else element.get("initial_options", [])
        return {"type": kind, "selected_options": chosen}
    if kind in ("static_select", "radio_buttons"):
        one = element.get("initial_option") if given is None else _option(element, given) if given else None
        return {"type": kind, "selected_option": one}
    name, initial = _STATE.get(kind, ("value", "initial_value"))
    return {"type": kind, name: (element.get(initial) if given is None else given) or None}


def _option(element: dict[str, Any], label: str) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in element["options"] if one["text"]["text"] == label)
    return found


def wrong_in_dialog(view: dict[str, Any]) -> str:
    """What the real Slack would refuse about a dialog."""
    blocks = _inputs(view)
    ids = [block["block_id"] for block in blocks]
    problems = {
        "too many blocks": len(view["blocks"]) > 100,
        "a block id twice": len(set(ids)) != len(ids),
        "a title or button is too long": any(len(view[name]["text"]) > 24 for name in ("title", "submit", "close")),
        "too much private metadata": len(view["private_metadata"]) > 3000,
        "a label is empty or too long": any(not 0 < len(block["label"]["text"]) <= 2000 for block in blocks),
        "a hint is too long": any(len(block.get("hint", {}).get("text", "")) > 2000 for block in blocks),
    }
    found = [problem for problem, there in problems.items() if there]
    found += filter(None, [_wrong(view["blocks"]), *(_wrong_element(block["element"]) for block in blocks)])
    return "; ".join(found)


def _wrong_element(element: dict[str, Any]) -> str:
    kind, options = element["type"], element.get("options")
    initial = element.get("initial_options", [element["initial_option"]] if "initial_option" in element else None)
    if options is not None:
        most = 10 if kind in ("checkboxes", "radio_buttons") else 100
        sizes = [(len(one["text"]["text"]), len(one["value"])) for one in options]
        fits = all(0 < text <= 75 and 0 < value <= 150 for text, value in sizes)
        known = initial is None or (initial and all(one in options for one in initial))
        return "" if 0 < len(options) <= most and fits and known else f"wrong options of a {kind}"
    text = element.get("initial_value")
    if text is not None and not 0 < len(text) <= 3000:
        return f"wrong text of a {kind}"
    if kind == "number_input" and text is not None:
        float(text)
    return "" if kind in (*_STATE, "number_input", "plain_text_input") else f"unknown element {kind}"


def signed(payload: dict[str, Any], *, secret: str = SECRET, at: float | None = None) -> tuple[str, dict[str, str]]:
    """The body and headers of a call of Slack's."""
    body = urlencode({"payload": json.dumps(payload)})
    stamp = str(int(time.time() if at is None else at))
    digest = hmac.new(secret.encode(), f"v0:{stamp}:{body}".encode(), hashlib.sha256).hexdigest()
    return body, {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": f"v0={digest}"}


@contextmanager
def slack_server() -> Iterator[SlackServer]:
    """A Slack that listens on this machine within the block."""
    slack = SlackServer()
    http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(slack))
    http.daemon_threads = True
    slack.url = f"http://127.0.0.1:{http.server_address[1]}/api/"
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield slack
    finally:
        http.shutdown()
        http.server_close()
        thread.join()


def _handler(slack: SlackServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            given = _read(body, self.headers.get("Content-Type", ""))
            token = self.headers.get("Authorization", "").removeprefix("Bearer ") or given.pop("token", "")
            method = self.path.rpartition("/")[2]
            if slack.status != 200:
                slack.calls.append(f"{method} refused")
                self._send({"ok": False, "error": "ratelimited" if slack.status == 429 else "down"}, slack.status)
                return
            if slack.hang is not None and method == "views.open":
                slack.hang.wait(10)
                return
            answer = slack.answer(method, token, given)
            if slack.lose_answers:
                self.close_connection = True
                return
            self._send(answer, 200)

        do_GET = do_POST  # noqa: N815 - as http.server names them

        def _send(self, answer: dict[str, Any], status: int) -> None:
            data = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            if slack.retry_after:
                self.send_header("Retry-After", str(slack.retry_after))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler


def _read(body: str, kind: str) -> dict[str, Any]:
    if "json" in kind:
        found: dict[str, Any] = json.loads(body or "{}")
        return found
    given: dict[str, Any] = {name: values[0] for name, values in parse_qs(body).items()}
    for name in ("blocks", "view"):
        if isinstance(given.get(name), str):
            given[name] = json.loads(given[name])
    return given


def _wrong(blocks: list[dict[str, Any]]) -> str:
    """What the real Slack would refuse."""
    texts = [(block["type"], block["text"]["text"]) for block in blocks if "text" in block]
    if len(blocks) > _MOST_BLOCKS or any(not text for _, text in texts):
        return "invalid_blocks"
    longest = {"header": _LONGEST_HEADER}
    return "invalid_blocks" if any(len(text) > longest.get(kind, _LONGEST_TEXT) for kind, text in texts) else ""
