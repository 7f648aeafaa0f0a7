"""Watches the project's Python files and templates, and tells when one changed that matters to this process."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from pathlib import Path

from watchfiles import Change, watch

# Folders with much in them and no code of the project's own.
_LEFT_OUT = {"node_modules", "__pycache__", "build", "dist", "static", "docs"}


class Watcher:
    """`on_change` is called once, from a thread, when this process has to begin anew; `changed` is the file then."""

    def __init__(self, project: Path, *, on_change: Callable[[], None], on_template: Callable[[], None]) -> None:
        self.changed: Path | None = None
        self._project = project.resolve()
        self._on_change, self._on_template = on_change, on_template
        self._happened = threading.Event()
        # While this process has not read all its code, any Python file may be the one that mends it.
        self._knows_its_code = False

    def start(self) -> None:
        """Begin to watch: whole folders of code, and what stands directly in the project."""
        for paths, recursive in ((folders(self._project), True), ([self._project], False)):
            if paths:
                thread = threading.Thread(target=self._run, args=(paths, recursive), name="flowapp-watch", daemon=True)
                thread.start()

    def knows_its_code(self) -> None:
        """From now on only files that this process imported matter, and new ones that it would have."""
        self._knows_its_code = True

    def wait(self) -> None:
        """Return once something changed that matters."""
        self._happened.wait()

    def _run(self, paths: list[Path], recursive: bool) -> None:
        for changes in watch(*paths, watch_filter=_is_ours, recursive=recursive, rust_timeout=60_000):
            for change, name in sorted(changes):
                if name.endswith(".html"):
                    self._on_template()
                elif self._matters(change, Path(name)) and not self._happened.is_set():
                    self.changed = Path(name)
                    self._happened.set()
                    self._on_change()

    def _matters(self, change: Change, path: Path) -> bool:
        if not self._knows_its_code:
            return path.suffix == ".py"
        return path in _imported() or (change == Change.added and _would_be_imported(path))


def folders(project: Path) -> list[Path]:
    """The folders of a project that may hold code."""
    return [path for path in sorted(project.iterdir()) if _holds_code(path)]


def _holds_code(path: Path) -> bool:
    if not path.is_dir() or path.name.startswith(".") or path.name in _LEFT_OUT:
        return False
    return not (path / "pyvenv.cfg").exists()


def _is_ours(change: Change, name: str) -> bool:
    return name.endswith((".py", ".html")) or Path(name).name == "workflows"


def _would_be_imported(path: Path) -> bool:
    """Whether a new file is found without anybody naming it: what Flowapp looks for is called `workflows`."""
    return "workflows" in (path.stem, path.parent.name)


def _imported() -> set[Path]:
    files = (getattr(module, "__file__", None) for module in list(sys.modules.values()))
    return {Path(file).resolve() for file in files if file}
