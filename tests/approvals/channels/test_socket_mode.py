"""Socket Mode: a worker fetches what people press over a socket that it opened itself."""

import json
import threading
from contextlib import closing

import pytest
from websockets.sync.server import serve

from approvals.models import Decision
from flowapp.integrations.slack import socket_mode
from tests.approvals.making import ask
from tests.slack_server import APP_TOKEN, pressed


class Envelopes:
    """Slack's end of the socket: it sends what people press, and hears what was answered."""

    def __init__(self) -> None:
        self.waiting: list[str] = []
        self.answered: list[dict[str, object]] = []
        self.heard = threading.Event()

    def talk(self, socket):
        for number, payload in enumerate(self.waiting):
            envelope = {"envelope_id": f"e{number}", "type": "interactive", "payload": payload}
            socket.send(json.dumps({**envelope, "accepts_response_payload": True}))
        for message in socket:
            self.answered.append(json.loads(message))
            self.heard.set()


@pytest.fixture
def envelopes(slack):
    ends = Envelopes()
    server = serve(ends.talk, "127.0.0.1", 0)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    with closing(server.socket):
        slack.socket_url = f"ws://127.0.0.1:{server.socket.getsockname()[1]}/"
        yield ends
        server.shutdown()
        thread.join()


def test_a_worker_hears_a_button_over_the_socket(dispatcher, cast, slack, deliver, envelopes, settings):
    ask()
    deliver()
    (message,) = slack.of("bo@example.com")
    envelopes.waiting.append(pressed(message, message.buttons["Approve"], "U0BO"))
    settings.FLOWAPP_SLACK_APP_TOKEN = APP_TOKEN
    with socket_mode.listening():
        assert envelopes.heard.wait(15)
    assert envelopes.answered[0]["envelope_id"] == "e0"
    assert (Decision.objects.get().outcome, Decision.objects.get().channel) == ("approve", "slack")
    deliver()
    assert slack.live_buttons() == []


def test_without_a_token_nothing_is_opened(slack, settings):
    settings.FLOWAPP_SLACK_APP_TOKEN = ""
    with socket_mode.listening():
        pass
    assert "apps.connections.open" not in slack.calls
