"""Refuses blocking I/O in a workflow's body, by name: an audit hook that looks only while a body's slice runs."""

from __future__ import annotations

import sys
import sysconfig
from asyncio import events
from types import FrameType
from typing import Any

from flowapp.engine.errors import NotInBody
from flowapp.engine.loop import RunLoop

_REFUSED = (
    "time.sleep open os.listdir os.scandir os.mkdir os.remove os.rename os.rmdir os.system os.exec os.posix_spawn "
    "subprocess.Popen socket.connect socket.bind socket.sendto socket.getaddrinfo socket.gethostbyname "
    "sqlite3.connect urllib.Request"
)
REFUSED = frozenset(_REFUSED.split())
# Files that Python itself opens (imports, source lines for a traceback, time zones) are no I/O of the body's own.
PYTHONS_OWN = frozenset({"open", "os.listdir", "os.scandir"})
_STANDARD = sysconfig.get_path("stdlib")
_ON_BEHALF = ("pathlib", "shutil", "tempfile", "fileinput")  # standard modules that open what their caller names

_refusing = False


def refuse() -> None:
    """Refuse from now on; once a process, as a hook cannot be taken out again."""
    global _refusing
    if not _refusing:
        _refusing = True
        sys.addaudithook(_hook)


def _hook(event: str, args: tuple[Any, ...]) -> None:
    if event not in REFUSED or not isinstance(events._get_running_loop(), RunLoop):
        return
    if event in PYTHONS_OWN and _by_python(sys._getframe(1)):
        return
    raise NotInBody(f"{event} was called in a workflow's body, which does no I/O of its own: do this in a step")


def _by_python(frame: FrameType | None) -> bool:
    """Whether the nearest caller is Python's own machinery, or a module is being imported."""
    nearest = frame
    while nearest is not None and _on_behalf(nearest.f_code.co_filename):
        nearest = nearest.f_back
    if nearest is not None and nearest.f_code.co_filename.startswith(_STANDARD):
        return True
    while frame is not None and frame.f_code is not RunLoop.run_ready.__code__:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


def _on_behalf(filename: str) -> bool:
    return filename.startswith(_STANDARD) and any(f"/{name}" in filename for name in _ON_BEHALF)
