"""A real browser on a real server: Chromium through Playwright, Flowapp on uvicorn in a thread."""

import os
import shutil
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from tests import factories
from tests.e2e.looks import WIDE, Look

_BROWSERS = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
# Without the network flags Chromium looks for its maker's servers at every start.
_FLAGS = [
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
]


def _executable() -> str:
    found = os.environ.get("FLOWAPP_TEST_BROWSER") or next(filter(None, map(shutil.which, _BROWSERS)), None)
    if found:
        return found
    reason = "no browser: install chromium (Debian: apt-get install chromium), or set FLOWAPP_TEST_BROWSER"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """One Chromium for all browser tests; it ends with them, since its event loop would be in other tests' way."""
    executable = _executable()
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        # Playwright's loop runs in this thread, so Django takes a test's plain ORM calls for calls from a coroutine.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        browser = playwright.chromium.launch(
            executable_path=executable, args=_FLAGS, chromium_sandbox=os.geteuid() != 0
        )
        yield browser
        browser.close()


@pytest.fixture
def look(request: pytest.FixtureRequest) -> Look:
    """Wide and light, unless a test is marked `@every_look` or `@narrow` (tests/e2e/looks.py)."""
    chosen: Look = getattr(request, "param", WIDE)
    return chosen


@pytest.fixture
def page(browser: Browser, look: Look, live_app: str) -> Iterator[Page]:
    """A page of a fresh visitor on `live_app`; an error in its console fails the test."""
    context = browser.new_context(
        base_url=live_app,
        viewport={"width": look.width, "height": look.height},
        color_scheme=look.scheme,
        reduced_motion="reduce",
    )
    context.set_default_timeout(10_000)
    page = context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(f"{error.name}: {error.message}"))
    page.on("console", lambda message: _note(message, wrong))
    yield page
    context.close()
    assert not wrong, "the browser's console says:\n" + "\n".join(wrong)


def _note(message: ConsoleMessage, wrong: list[str]) -> None:
    # A refused request is an answer like any other; the test looks at what the page makes of it.
    if message.type == "error" and "Failed to load resource" not in message.text:
        wrong.append(message.text)


@pytest.fixture
def live_app(transactional_db: None) -> Iterator[str]:
    """Flowapp's ASGI application on the test database and a free port; its address, `http://127.0.0.1:PORT`."""
    from flowapp.asgi import application

    config = uvicorn.Config(
        application,
        host="127.0.0.1",
        port=0,
        lifespan="off",
        log_level="warning",
        ws="websockets-sansio",
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, name="live_app", daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the server did not start: its log says why"
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(10)
    assert not thread.is_alive(), "the server did not stop: an open stream does not notice"


@pytest.fixture
def cast(transactional_db: None) -> Any:
    return factories.cast()


def _signed_in(page: Page, member: Any) -> Page:
    page.goto("/accounts/login/")
    page.get_by_label("Email").fill(member.user.email)
    page.get_by_label("Password", exact=True).fill(factories.PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("heading", name="Inbox")).to_be_visible()
    return page


@pytest.fixture
def manager(page: Page, cast: Any, embedded_worker: Any) -> Page:
    """Bo's browser, signed in."""
    return _signed_in(page, cast.bo)


@pytest.fixture
def owner(page: Page, cast: Any, embedded_worker: Any) -> Page:
    """Ana's browser, signed in."""
    return _signed_in(page, cast.ana)
