"""What the product imports is what pyproject.toml declares: nothing works by the luck of another package's needs."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).parents[2]
OURS = ("flowapp", "approvals", "agents", "taskboard")


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def declared() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return {canonical(re.split(r"[^A-Za-z0-9._-]", requirement)[0]) for requirement in project["dependencies"]}


def imported_names(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module.partition(".")[0]


def test_each_package_we_import_is_declared() -> None:
    known, distributions = declared(), packages_distributions()
    undeclared: dict[str, str] = {}
    for package in OURS:
        for path in (ROOT / package).rglob("*.py"):
            for name in set(imported_names(path)) - set(sys.stdlib_module_names) - set(OURS) - {"tests"}:
                if not known & {canonical(found) for found in distributions.get(name, [name])}:
                    undeclared[name] = str(path.relative_to(ROOT))
    assert undeclared == {}, "declare these in pyproject.toml, then run make lock"
