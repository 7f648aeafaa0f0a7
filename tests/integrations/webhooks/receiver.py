"""A small server on this machine that takes webhooks, keeps what it was sent, and answers as it is told, or never."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread

from standardwebhooks.webhooks import Webhook


@dataclass
class Receiver:
    """`answers` are used up one by one; after the last, 204. What came is in `requests`: (headers, body).

    What goes to `hanging` has no answer before `release` is set; how many came is `stuck`.
    """

    url: str = ""
    hanging: str = ""
    stuck: int = 0
    release: Event = field(default_factory=Event)
    answers: list[tuple[int, dict[str, str], bytes]] = field(default_factory=list)
    requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    def verified(self, secret: str) -> list[object]:
        """What came, judged by the standard's own library."""
        return [Webhook(secret).verify(body, headers) for headers, body in self.requests]


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Such a server, for as long as the block lasts."""
    kept = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            if self.path == "/hanging":
                kept.stuck += 1
                kept.release.wait(30)
                return
            kept.requests.append((dict(self.headers), body))
            status, headers, content = kept.answers.pop(0) if kept.answers else (204, {}, b"")
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            with suppress(ConnectionError):  # who reads only so far hangs up
                self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    kept.url = f"http://127.0.0.1:{server.server_address[1]}/hooks?x=1"
    kept.hanging = f"http://127.0.0.1:{server.server_address[1]}/hanging"
    try:
        yield kept
    finally:
        kept.release.set()
        server.shutdown()
        server.server_close()
        thread.join()
