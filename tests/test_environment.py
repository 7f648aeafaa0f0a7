"""Reading the environment: defaults, what is refused and why, what `dev` keeps, what `doctor` may show."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from flowapp import environment
from flowapp.environment import BadEnvironment

STRONG = "q7Vd2mXw9LkR4tYb8NcZ1hJf6PsGa3Ue"
FIT = {"FLOWAPP_SECRET_KEY": STRONG, "FLOWAPP_ENCRYPTION_KEYS": f"{STRONG},{STRONG[::-1]}"}


def problems(**variables: str) -> list[str]:
    return environment.read({**FIT, "FLOWAPP_HOME": "nowhere", **variables}).problems()


def test_the_defaults_need_only_the_secrets(tmp_path: Path) -> None:
    loaded = environment.load({**FIT, "FLOWAPP_HOME": str(tmp_path)})
    assert (loaded.mode, loaded.base_url, loaded.redis_url, loaded.workflows) == (
        "production",
        "http://localhost:8288",
        "",
        [],
    )
    assert loaded.database == {"ENGINE": "django.db.backends.sqlite3", "NAME": str(tmp_path / "flowapp.sqlite3")}
    assert loaded.encryption_keys == [STRONG, STRONG[::-1]]
    assert loaded.allowed_hosts == ["localhost", "127.0.0.1", "[::1]", "::1"]


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(BadEnvironment) as caught:
        environment.load(
            {"FLOWAPP_HOME": "nowhere", "FLOWAPP_DATABASE_URL": "mysql://x/y", "FLOWAPP_PROXY_COUNT": "two"}
        )
    told = str(caught.value)
    for part in (
        "FLOWAPP_SECRET_KEY is not set",
        "FLOWAPP_ENCRYPTION_KEYS is not set",
        "FLOWAPP_DATABASE_URL must begin with postgresql://",
        "FLOWAPP_PROXY_COUNT must be a whole number",
    ):
        assert part in told


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({"FLOWAPP_SECRET_KEY": "short"}, "FLOWAPP_SECRET_KEY is too short: 32 characters"),
        ({"FLOWAPP_SECRET_KEY": "a" * 50}, "FLOWAPP_SECRET_KEY is easy to guess"),
        ({"FLOWAPP_SECRET_KEY": "django-insecure-" + STRONG}, "FLOWAPP_SECRET_KEY is easy to guess"),
        ({"FLOWAPP_ENCRYPTION_KEYS": f"{STRONG},short"}, "FLOWAPP_ENCRYPTION_KEYS is too short"),
        ({"FLOWAPP_LOG_LEVEL": "loud"}, "FLOWAPP_LOG_LEVEL must be one of DEBUG, INFO, WARNING, ERROR"),
        ({"FLOWAPP_MODE": "debug"}, "FLOWAPP_MODE must be one of production, dev, test"),
        ({"FLOWAPP_BROKER_URL": "redis://h"}, "FLOWAPP_BROKER_URL needs PostgreSQL"),
        ({"FLOWAPP_BASE_URL": "http://flow.example.com"}, "FLOWAPP_BASE_URL must begin with https://"),
        ({"FLOWAPP_ALLOWED_HOSTS": "*"}, "FLOWAPP_ALLOWED_HOSTS must name the hosts"),
        ({"FLOWAPP_DEV_API_KEY": "secret"}, "FLOWAPP_DEV_API_KEY must be ffk_"),
        ({"FLOWAPP_EMAIL_URL": "ftp://x"}, "FLOWAPP_EMAIL_URL must begin with smtp://"),
    ],
)
def test_what_is_refused(variables: dict[str, str], told: str) -> None:
    assert [problem for problem in problems(**variables) if problem.startswith(told)], problems(**variables)


def test_dev_may_do_what_production_may_not() -> None:
    assert problems(FLOWAPP_MODE="dev", FLOWAPP_BASE_URL="http://flow.example.com", FLOWAPP_ALLOWED_HOSTS="*") == []


def test_an_empty_variable_is_an_unset_one() -> None:
    assert environment.read({**FIT, "FLOWAPP_BASE_URL": ""}).base_url == "http://localhost:8288"


def test_a_postgresql_url_in_its_parts() -> None:
    url = "postgresql://flow:p%40ss@db.example.com:5433/flow%2Fapp?sslmode=require"
    assert environment.read({"FLOWAPP_DATABASE_URL": url}).database == {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": "flow/app",
        "USER": "flow",
        "PASSWORD": "p@ss",
        "HOST": "db.example.com",
        "PORT": "5433",
        "OPTIONS": {"sslmode": "require"},
    }


def test_this_machine_is_always_a_host_so_that_health_checks_get_through() -> None:
    hosts = environment.read({"FLOWAPP_ALLOWED_HOSTS": "flow.example.com,localhost"}).allowed_hosts
    assert hosts == ["flow.example.com", "localhost", "127.0.0.1", "[::1]", "::1"]


def test_redis_is_the_brokers_unless_named() -> None:
    assert environment.read({"FLOWAPP_BROKER_URL": "redis://a/0"}).redis_url == "redis://a/0"
    assert environment.read({"FLOWAPP_BROKER_URL": "amqp://a"}).redis_url == ""
    assert (
        environment.read({"FLOWAPP_BROKER_URL": "redis://a/0", "FLOWAPP_REDIS_URL": "redis://b"}).redis_url
        == "redis://b"
    )


def test_dev_keeps_its_secrets(tmp_path: Path) -> None:
    home = tmp_path / "home"
    environment.keep_dev_secrets(home)
    kept = json.loads((home / "secrets.json").read_text())
    environment.keep_dev_secrets(home)
    assert json.loads((home / "secrets.json").read_text()) == kept
    assert stat.S_IMODE((home / "secrets.json").stat().st_mode) == 0o600
    loaded = environment.load({"FLOWAPP_HOME": str(home)})
    assert (loaded.secret_key, loaded.encryption_keys) == (
        kept["FLOWAPP_SECRET_KEY"],
        [kept["FLOWAPP_ENCRYPTION_KEYS"]],
    )
    assert environment.load({"FLOWAPP_HOME": str(home), **FIT}).secret_key == STRONG


def test_doctor_shows_no_secret() -> None:
    given = {
        **FIT,
        "FLOWAPP_DATABASE_URL": "postgresql://flow:hunter2@db/flow",
        "FLOWAPP_REDIS_URL": "redis://cache:6379/1",
        "FLOWAPP_BASE_URL": "https://flow.example.com",
    }
    shown = {variable.name: text for variable, text in environment.in_force(environment.read(given))}
    assert shown["FLOWAPP_DATABASE_URL"] == "postgresql://…@db/flow"
    assert shown["FLOWAPP_REDIS_URL"] == "redis://cache:6379/1"
    assert shown["FLOWAPP_BASE_URL"] == "https://flow.example.com"
    assert shown["FLOWAPP_SECRET_KEY"] == "…"
    assert shown["FLOWAPP_LOG_LEVEL"] == "(INFO)"


def django(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("FLOWAPP_", "DJANGO_"))}
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=Path(__file__).parents[1],
        env={**plain, **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_django_does_not_boot_without_secrets(tmp_path: Path) -> None:
    ended = django("check", FLOWAPP_HOME=str(tmp_path))
    assert ended.returncode != 0
    assert "FLOWAPP_SECRET_KEY is not set" in ended.stderr


def test_django_does_not_boot_with_debug_on(tmp_path: Path) -> None:
    (tmp_path / "loose.py").write_text("from flowapp.settings import *\nDEBUG = True\n")
    ended = django("check", "--settings=loose", FLOWAPP_HOME=str(tmp_path), PYTHONPATH=f"{tmp_path}", **FIT)
    assert ended.returncode != 0
    assert "DEBUG is on" in ended.stderr


def test_a_deployment_passes_djangos_own_checks(tmp_path: Path, postgres_url: str) -> None:
    deployment = {
        "FLOWAPP_HOME": str(tmp_path),
        "FLOWAPP_SECRET_KEY": STRONG * 2,
        "FLOWAPP_ENCRYPTION_KEYS": STRONG,
        "FLOWAPP_BASE_URL": "https://flow.example.com",
        "FLOWAPP_DATABASE_URL": postgres_url,  # a generated column has Django ask for the server's version
        "FLOWAPP_EMAIL_URL": "smtp://user:password@mail",
        "FLOWAPP_PROXY_COUNT": "1",
    }
    ended = django("check", "--deploy", "--fail-level=WARNING", **deployment)
    assert ended.returncode == 0, ended.stderr


def test_a_queue_that_is_named_twice_is_served_once() -> None:
    assert environment.read({**FIT, "FLOWAPP_QUEUES": "b, a,b,,a"}).queues == ["b", "a"]
