"""What must hold for the files of this repository: locks, paths, first lines, names, documented commands."""

import ast
import re
import subprocess
import tomllib
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = ("app", "build", "dev", "test", "bench", "uv")
# Written in pieces, so that this file does not break its own rule.
MACHINE_PATHS = re.compile("|".join(rf"(?<![\w.~}}])/{name}/" for name in ("work", "root", "home", "tmp", "Users")))
COMMENTS = {".js": ("//", "/*"), ".css": ("/*",), ".toml": ("#",), ".yml": ("#",), ".yaml": ("#",)}
BINARY = {".png", ".jpg", ".webp", ".ico", ".woff2"}
VAGUE = {"util", "utils", "helper", "helpers", "common", "misc", "manager2"}


@cache
def tracked() -> tuple[Path, ...]:
    """Every file that is, or would be, in the repository."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return tuple(path for name in sorted(set(listed.split("\0"))) if name and (path := ROOT / name).is_file())


def python_files() -> list[Path]:
    return [path for path in tracked() if path.suffix == ".py" and "migrations" not in path.parts]


def first_docstring_line(path: Path) -> str:
    return (ast.get_docstring(ast.parse(path.read_text())) or "").partition("\n")[0]


def starts_with_comment(path: Path) -> bool:
    return path.read_text().startswith(COMMENTS[path.suffix])


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_each_python_file_says_what_it_is_for() -> None:
    silent = [named(path) for path in python_files() if len(first_docstring_line(path)) <= 10]
    assert silent == [], "begin these files with a docstring that says what they are for"


def test_each_other_source_file_says_what_it_is_for() -> None:
    silent = [named(path) for path in tracked() if path.suffix in COMMENTS and not starts_with_comment(path)]
    assert silent == [], "begin these files with a comment that says what they are for"


def test_each_file_has_a_telling_name() -> None:
    vague = [named(path) for path in tracked() if VAGUE & set(path.relative_to(ROOT).with_suffix("").parts)]
    assert vague == [], "name these files after what is in them"


def test_no_file_names_a_path_of_one_machine() -> None:
    found = [
        f"{named(path)}:{number}: {line.strip()}"
        for path in tracked()
        if path.suffix not in BINARY
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if MACHINE_PATHS.search(line)
    ]
    assert found == []


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_carries_hashes_and_no_addresses(name: str) -> None:
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    pins = re.findall(r"^([a-z0-9._-]+)==", text, flags=re.MULTILINE)
    hashed = re.findall(r"^[a-z0-9._-]+==[^\n]*\\\n    --hash=sha256:", text, flags=re.MULTILINE)
    assert pins
    assert len(hashed) == len(pins)
    assert not re.findall(r"://|--(?:extra-)?index-url|--find-links| @ ", text)


def test_the_locks_agree() -> None:
    seen: dict[str, set[str]] = {}
    for name in LOCKS:
        text = (ROOT / "requirements" / f"{name}.txt").read_text()
        for package, version in re.findall(r"^([a-z0-9._-]+)==(\S+)", text, flags=re.MULTILINE):
            seen.setdefault(package, set()).add(version)
    assert {package: versions for package, versions in seen.items() if len(versions) > 1} == {}


def test_every_direct_dependency_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = {"app": project["project"]["dependencies"], **project["dependency-groups"]}
    for name, requirements in wanted.items():
        text = (ROOT / "requirements" / f"{name}.txt").read_text()
        for requirement in requirements:
            package = re.split(r"[^A-Za-z0-9._-]", requirement)[0].lower()
            assert re.search(rf"^{re.escape(package)}==", text, flags=re.MULTILINE), f"{package}: run make lock"


def test_the_malicious_releases_are_never_locked() -> None:
    assert not re.search(r"^litellm==1\.82\.[78]\b", (ROOT / "requirements/app.txt").read_text(), flags=re.MULTILINE)


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_make_commands_in_the_docs_exist(name: str) -> None:
    document = ROOT / name
    if not document.exists():
        pytest.skip(f"{name} is not written yet")
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    told = re.findall(r"`make ([a-z ]+)`|^\s*make ([a-z ]+?)\s*(?:#.*)?$", document.read_text(), flags=re.MULTILINE)
    assert {target for either in told for line in either for target in line.split()} <= targets
