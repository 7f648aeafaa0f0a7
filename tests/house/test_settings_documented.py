"""Every environment variable is in the table that `doctor` prints, and on the reference page, as the table has it."""

import re
from functools import cache
from pathlib import Path

from flowapp.variables import VARIABLES
from tests.house.test_repository import tracked

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/reference/settings.md"
# Read by set-up and tests only, never by the product.
FOR_DEVELOPERS = re.compile(r"FLOWAPP_(TEST_[A-Z_]+|PYTHON)$")


@cache
def named_in_the_tree() -> frozenset[str]:
    """Every FLOWAPP_ name in the environment's sense: in code, Makefile, container files."""
    found: set[str] = set()
    for path in tracked():
        product = path.is_relative_to(ROOT / "flowapp") or path.parent in (ROOT, ROOT / ".ci", ROOT / "tests")
        if product and path.suffix in {".py", ".yml", ".yaml", ".toml", ""} and path.name != "LICENSE":
            found |= set(re.findall(r"\bFLOWAPP_[A-Z][A-Z_]*[A-Z]\b", path.read_text()))
    return frozenset(found)


def settings_of_django() -> set[str]:
    """Names in settings.py that no variable sets."""
    names = set(re.findall(r"^(FLOWAPP_[A-Z_]+) =", (ROOT / "flowapp/settings.py").read_text(), flags=re.MULTILINE))
    return names - {variable.name for variable in VARIABLES}


def test_the_page_is_the_table() -> None:
    rows = re.findall(r"^\| `(FLOWAPP_[A-Z_]+)` \| (.+?) \| (.+?) \|$", PAGE.read_text(), flags=re.MULTILINE)
    table = {variable.name: (variable.default, variable.meaning) for variable in VARIABLES}
    documented = {name: (default, meaning) for name, default, meaning in rows if not FOR_DEVELOPERS.match(name)}
    assert documented == table


def test_every_variable_in_use_is_documented() -> None:
    page = PAGE.read_text()
    known = settings_of_django()
    assert [name for name in sorted(named_in_the_tree() - known) if f"`{name}`" not in page] == []


def test_every_variable_of_the_table_is_used() -> None:
    read = set(re.findall(r'_get\("(FLOWAPP_[A-Z_]+)"', (ROOT / "flowapp/environment.py").read_text()))
    for path in (ROOT / "flowapp/cli").rglob("*.py"):
        read |= set(re.findall(r'"(FLOWAPP_[A-Z_]+)"', path.read_text()))
    assert [variable.name for variable in VARIABLES if variable.name not in read] == []
