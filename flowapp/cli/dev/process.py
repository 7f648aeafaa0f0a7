"""The life of the dev server: one process that starts, serves, begins anew when its code changes, and stops."""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import sys
import traceback
from pathlib import Path
from typing import NoReturn

from flowapp import environment
from flowapp.cli.errors import CommandFailed
from flowapp.cli.output import note

from . import application, card
from .moves import Moves
from .serving import WebServer, bind
from .watch import Watcher

RESTARTED = "--restarted"  # the hidden option of a process that follows itself after a change, once it was ready


def run(port: int, *, restarted: bool, quiet: bool = False) -> NoReturn:
    """Serve until stopped. Ends the process, or replaces it by itself: it keeps its id all its life."""
    given = dict(os.environ)
    # Ctrl+C and SIGTERM are the same to us, also where a shell started us with SIGINT ignored.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    home = _prepare(port)
    _lock(home)
    listener = bind(port)
    if not restarted:
        card.remove(home)
    dev = _Dev(home, listener, f"http://localhost:{port}", shown=restarted, quiet=quiet)
    try:
        dev.live()
        _begin_anew(given, shown=dev.shown)
    except KeyboardInterrupt:
        note("stopping")
    finally:
        card.remove(home)
    _leave()


class _Dev:
    def __init__(self, home: Path, listener: socket.socket, base_url: str, *, shown: bool, quiet: bool) -> None:
        self._home, self._listener, self._base_url = home, listener, base_url
        self._web: WebServer | None = None
        self._moves = None if quiet else Moves()
        self.shown = shown  # whether people know the demo's keys and passwords already
        self.watcher = Watcher(Path.cwd(), on_change=self._stop_serving, on_template=_forget_templates)

    def live(self) -> None:
        """Return when the code changed; raises KeyboardInterrupt when asked to stop."""
        self.watcher.start()
        try:
            self._app = application.start()
        except CommandFailed:
            raise
        except Exception:  # noqa: BLE001 - whatever importing the project's code may raise
            card.remove(self._home)
            traceback.print_exc()
            note("\nflowapp dev cannot start with this code. It tries again when a file changes.")
            self.watcher.wait()
            return
        self.watcher.knows_its_code()
        self._web = WebServer(self._app.asgi, self._listener, ready=self._tell_ready)
        try:
            if self.watcher.changed is None:
                self._web.serve_until_stopped()
        finally:
            if self._moves is not None:
                self._moves.stop()
            self._app.stop()

    def _stop_serving(self) -> None:
        note(f"{os.path.relpath(self.watcher.changed or '')} changed: restarting")
        if self._web is not None:
            self._web.should_exit = True

    def _tell_ready(self) -> None:
        card.write(self._home, self._base_url, self._app.demo)
        if self.shown:
            note(f"ready again at {self._base_url}")
        else:
            card.show(self._base_url, self._app.demo, on_celery=self._app.worker is None)
            self.shown = True
        if self._moves is not None:
            self._moves.start()


def _prepare(port: int) -> Path:
    """Set what the settings read. Raises CommandFailed naming what is wrong with the environment."""
    home = environment.read().home
    os.environ["FLOWAPP_MODE"] = "dev"
    os.environ["DJANGO_SETTINGS_MODULE"] = "flowapp.settings"
    os.environ.setdefault("FLOWAPP_BASE_URL", f"http://localhost:{port}")
    sys.path.insert(0, str(Path.cwd()))
    try:
        environment.keep_dev_secrets(home)
        environment.load()
    except OSError as error:
        raise CommandFailed(f"FLOWAPP_HOME={home} cannot be used: {error.strerror}") from None
    except environment.BadEnvironment as bad:
        raise CommandFailed("; ".join(bad.problems)) from None
    return home


def _lock(home: Path) -> None:
    """Hold FLOWAPP_HOME while this process lives: two on one SQLite file would take each other's runs away."""
    try:
        lock = os.open(home / "dev.lock", os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise CommandFailed(
            f"another flowapp dev uses {home}{_who(home)}: stop it, or set FLOWAPP_HOME to another folder"
        ) from None
    except OSError as error:
        raise CommandFailed(f"FLOWAPP_HOME={home} cannot be used: {error.strerror}") from None


def _who(home: Path) -> str:
    try:
        other = card.read(home)
    except CommandFailed:
        other = None
    return f" (process {other.pid} at {other.base_url})" if other else ""


def _forget_templates() -> None:
    """Have Django read changed templates again; nothing to forget before it is set up."""
    from django.apps import apps

    if apps.ready:
        from django.template.autoreload import reset_loaders

        reset_loaders()


def _begin_anew(environ: dict[str, str], *, shown: bool) -> NoReturn:
    sys.stdout.flush()
    arguments = [argument for argument in sys.orig_argv[1:] if argument != RESTARTED]
    if shown:
        arguments.append(RESTARTED)
    os.execve(sys.executable, [sys.executable, *arguments], environ)  # noqa: S606


def _leave() -> NoReturn:
    """End now: at a normal exit Python would wait for a step that is still running in its thread."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
