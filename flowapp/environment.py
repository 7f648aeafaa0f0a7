"""The environment as Flowapp reads it: values, defaults, what is wrong with them. Without Django.

`settings.py` boots on it and refuses what is wrong; `flowapp doctor` prints it; variables.py is the table.
"""

import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from flowapp.variables import VARIABLES, Variable

SECRETS_FILE = "secrets.json"
DEMO_WORKFLOWS = "flowapp.demo.workflows"


class BadEnvironment(Exception):
    """The environment is not fit to start with; `.problems` says, variable by variable, what to do."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("Flowapp cannot start:\n" + "\n".join(f"  - {problem}" for problem in problems))


@dataclass(frozen=True)
class Environment:
    """The environment as read: what is set, over what `flowapp dev` generated, over the defaults."""

    values: Mapping[str, str]

    def _get(self, name: str, default: str = "") -> str:
        return self.values.get(name, default)

    @property
    def mode(self) -> str:
        return self._get("FLOWAPP_MODE", "production")

    @property
    def home(self) -> Path:
        return Path(self._get("FLOWAPP_HOME", ".flowapp")).resolve()

    @property
    def database_url(self) -> str:
        return self._get("FLOWAPP_DATABASE_URL")

    @property
    def on_postgresql(self) -> bool:
        return self.database_url.startswith("postgres")

    @property
    def database(self) -> dict[str, Any]:
        """The database as Django names its parts; what follows `?` in the URL becomes OPTIONS."""
        parts = urlsplit(self.database_url or f"sqlite:///{self.home / 'flowapp.sqlite3'}")
        if not self.on_postgresql:
            return {"ENGINE": "django.db.backends.sqlite3", "NAME": unquote(parts.path[1:])}
        return {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": unquote(parts.path[1:]),
            "USER": unquote(parts.username or ""),
            "PASSWORD": unquote(parts.password or ""),
            "HOST": unquote(parts.hostname or ""),
            "PORT": str(parts.port or ""),
            "OPTIONS": dict(parse_qsl(parts.query)),
        }

    @property
    def broker_url(self) -> str:
        return self._get("FLOWAPP_BROKER_URL")

    @property
    def redis_url(self) -> str:
        fallback = self.broker_url if self.broker_url.startswith("redis") else ""
        return self._get("FLOWAPP_REDIS_URL", fallback)

    @property
    def workflows(self) -> list[str]:
        named = _list(self._get("FLOWAPP_WORKFLOWS")) or [name for name in ("workflows",) if _is_package(name)]
        demo = [DEMO_WORKFLOWS] if self.mode == "dev" else []
        return list(dict.fromkeys([*named, *demo]))

    @property
    def queues(self) -> list[str]:
        return _list(self._get("FLOWAPP_QUEUES")) or ["default"]

    @property
    def concurrency(self) -> int:
        return int(self._get("FLOWAPP_CONCURRENCY", "100"))

    @property
    def workspace_concurrency(self) -> int:
        return int(self._get("FLOWAPP_WORKSPACE_CONCURRENCY", "10000"))

    @cached_property
    def secret_key(self) -> str:
        return self._get("FLOWAPP_SECRET_KEY") or self._made_for_tests()

    @cached_property
    def encryption_keys(self) -> list[str]:
        return _list(self._get("FLOWAPP_ENCRYPTION_KEYS")) or [self._made_for_tests()]

    @property
    def base_url(self) -> str:
        return self._get("FLOWAPP_BASE_URL", "http://localhost:8288").rstrip("/")

    @property
    def https(self) -> bool:
        return self.base_url.startswith("https://")

    @property
    def allowed_hosts(self) -> list[str]:
        own = urlsplit(self.base_url).hostname or "localhost"
        named = _list(self._get("FLOWAPP_ALLOWED_HOSTS")) or [own]
        return list(dict.fromkeys([*named, *_LOCAL]))  # health checks call this machine by one of its own names

    @property
    def email_url(self) -> str:
        return self._get("FLOWAPP_EMAIL_URL", "memory:" if self.mode == "test" else "console:")

    @property
    def sends_mail(self) -> bool:
        # What nobody set goes to the console, which is no place for everybody's prompts.
        return "FLOWAPP_EMAIL_URL" in self.values or self.mode == "test"

    @property
    def slack_app_token(self) -> str:
        return self._get("FLOWAPP_SLACK_APP_TOKEN")

    @property
    def slack_api_url(self) -> str:
        return self._get("FLOWAPP_SLACK_API_URL", "https://slack.com/api/").rstrip("/") + "/"

    @property
    def email_from(self) -> str:
        return self._get("FLOWAPP_EMAIL_FROM", "Flowapp <flowapp@localhost>")

    @property
    def proxy_count(self) -> int:
        return int(self._get("FLOWAPP_PROXY_COUNT", "0"))

    @property
    def rate_limit(self) -> int:
        return int(self._get("FLOWAPP_RATE_LIMIT", "30000"))

    @property
    def webhook_allow(self) -> list[str]:
        return _list(self._get("FLOWAPP_WEBHOOK_ALLOW"))

    @property
    def event_sources(self) -> list[str]:
        return self._get("FLOWAPP_EVENT_SOURCES").split()

    @property
    def log_level(self) -> str:
        return self._get("FLOWAPP_LOG_LEVEL", "WARNING" if self.mode == "test" else "INFO")

    @property
    def log_format(self) -> str:
        return self._get("FLOWAPP_LOG_FORMAT", "json" if self.mode == "production" else "text")

    @property
    def ready_seconds(self) -> int:
        return int(self._get("FLOWAPP_READY_SECONDS", "60"))

    @property
    def metrics_token(self) -> str:
        return self._get("FLOWAPP_METRICS_TOKEN")

    @property
    def metrics_port(self) -> int:
        return int(self._get("FLOWAPP_METRICS_PORT", "0"))

    @property
    def dev_api_key(self) -> str:
        return self._get("FLOWAPP_DEV_API_KEY")

    def _made_for_tests(self) -> str:
        if self.mode != "test":
            raise BadEnvironment(_missing(self.values))
        return secrets.token_urlsafe(48)

    def problems(self) -> list[str]:
        """Everything that is wrong, one sentence each; empty when Flowapp may start."""
        wrong = [
            f"{variable.name} {problem}"
            for variable in VARIABLES
            if variable.check and (value := self._get(variable.name)) and (problem := variable.check(value))
        ]
        if self.mode != "test":
            wrong += _missing(self.values)
        if self.broker_url and not self.on_postgresql:
            wrong.append("FLOWAPP_BROKER_URL needs PostgreSQL: set FLOWAPP_DATABASE_URL=postgresql://… or unset it")
        if self.mode == "production":
            wrong += self._too_open()
        return wrong

    def _too_open(self) -> list[str]:
        wrong = []
        if not self.https and urlsplit(self.base_url).hostname not in _LOCAL:
            wrong.append("FLOWAPP_BASE_URL must begin with https:// (http:// only for localhost)")
        if "*" in self.allowed_hosts:
            wrong.append("FLOWAPP_ALLOWED_HOSTS must name the hosts: * lets any origin in")
        return wrong


_LOCAL = ("localhost", "127.0.0.1", "[::1]", "::1")


def _is_package(name: str) -> bool:
    # A mere folder of that name, which Python would take for a package as well, holds something else.
    found = find_spec(name)
    return found is not None and found.origin is not None


def _list(text: str) -> list[str]:
    return list(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))


def _missing(values: Mapping[str, str]) -> list[str]:
    return [
        f"{name} is not set. `flowapp dev` makes one; elsewhere set it to 32 random characters or more"
        for name in ("FLOWAPP_SECRET_KEY", "FLOWAPP_ENCRYPTION_KEYS")
        if not values.get(name)
    ]


def read(environ: Mapping[str, str] = os.environ) -> Environment:
    """The environment with the secrets that `flowapp dev` keeps in FLOWAPP_HOME beneath it."""
    given = {name: value for name, value in environ.items() if value != ""}
    if given.get("FLOWAPP_MODE") == "test":
        return Environment(given)
    return Environment({**_kept_secrets(Environment(given).home), **given})


def load(environ: Mapping[str, str] = os.environ) -> Environment:
    """The environment, or BadEnvironment naming everything that is wrong with it."""
    environment = read(environ)
    if problems := environment.problems():
        raise BadEnvironment(problems)
    return environment


def _kept_secrets(home: Path) -> dict[str, str]:
    try:
        kept = json.loads((home / SECRETS_FILE).read_text())
    except (FileNotFoundError, NotADirectoryError):
        return {}
    return {name: str(kept[name]) for name in ("FLOWAPP_SECRET_KEY", "FLOWAPP_ENCRYPTION_KEYS") if name in kept}


def keep_dev_secrets(home: Path) -> None:
    """Generate the two secrets into `home`, readable by their owner only, unless they are there. For `dev`."""
    home.mkdir(parents=True, exist_ok=True)
    made = {name: secrets.token_urlsafe(48) for name in ("FLOWAPP_SECRET_KEY", "FLOWAPP_ENCRYPTION_KEYS")}
    try:
        handle = os.open(home / SECRETS_FILE, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    with os.fdopen(handle, "w") as file:
        json.dump(made, file)


def in_force(environment: Environment) -> list[tuple[Variable, str]]:
    """Each variable with the value in force, secrets masked. For `flowapp doctor`."""
    return [(variable, _shown(variable, environment.values.get(variable.name))) for variable in VARIABLES]


def _shown(variable: Variable, value: str | None) -> str:
    if value is None:
        return f"({variable.default})"
    if not variable.secret:
        return value
    parts = urlsplit(value)
    if parts.scheme and parts.hostname:
        return f"{parts.scheme}://…@{parts.hostname}{parts.path}" if "@" in parts.netloc else value
    return "…"
