"""Every environment variable Flowapp reads, in one table: name, default, meaning, what makes a value unfit. Pure."""

from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_network
from urllib.parse import urlsplit

MODES = ("production", "dev", "test")
_FEWEST_CHARACTERS, _FEWEST_DIFFERENT = 32, 10
_PLACEHOLDERS = ("changeme", "change-me", "insecure", "example", "placeholder", "your-")


@dataclass(frozen=True)
class Variable:
    """One environment variable: what it means, what holds without it, and whether its value may be shown."""

    name: str
    default: str
    meaning: str
    secret: bool = False
    check: Callable[[str], str | None] | None = None


def _scheme(*allowed: str) -> Callable[[str], str | None]:
    def check(value: str) -> str | None:
        scheme = urlsplit(value).scheme
        return None if scheme in allowed else f"must begin with {' or '.join(f'{name}://' for name in allowed)}"

    return check


def _whole_number(value: str) -> str | None:
    return None if value.isdecimal() else "must be a whole number, 0 or more"


def _one_or_more(value: str) -> str | None:
    return None if value.isdecimal() and int(value) else "must be a whole number, 1 or more"


def _one_of(*allowed: str) -> Callable[[str], str | None]:
    return lambda value: None if value in allowed else f"must be one of {', '.join(allowed)}"


def _networks(value: str) -> str | None:
    for part in value.split(","):
        try:
            ip_network(part.strip())
        except ValueError as error:
            return f"must be networks such as 10.0.0.0/8,fd00::/8: {error}"
    return None


def _event_sources(value: str) -> str | None:
    from flowapp.integrations.queues.sources import problem

    return problem(value)


def weakness(text: str) -> str | None:
    """What makes `text` unfit as a secret, or None."""
    if len(text) < _FEWEST_CHARACTERS:
        return f"is too short: {_FEWEST_CHARACTERS} characters at least"
    if len(set(text)) < _FEWEST_DIFFERENT or any(word in text.lower() for word in _PLACEHOLDERS):
        return "is easy to guess"
    return None


def _secret(value: str) -> str | None:
    problem = weakness(value)
    return problem and f"{problem}. Make one with: python3 -c 'import secrets; print(secrets.token_urlsafe(48))'"


def _secrets(value: str) -> str | None:
    return next((problem for part in value.split(",") if (problem := _secret(part.strip()))), None)


VARIABLES = (
    Variable(
        "FLOWAPP_MODE",
        "production",
        "how strict to be: `production`, `dev` (set by `flowapp dev`) or `test` (set by the tests)",
        check=_one_of(*MODES),
    ),
    Variable("FLOWAPP_HOME", ".flowapp", "folder for the embedded database, generated secrets and `dev.json`"),
    Variable(
        "FLOWAPP_DATABASE_URL",
        "SQLite in FLOWAPP_HOME",
        "`postgresql://user:password@host/name` in production",
        secret=True,
        check=_scheme("postgresql", "postgres", "sqlite"),
    ),
    Variable(
        "FLOWAPP_BROKER_URL",
        "unset: embedded dispatcher",
        "`redis://…` or `amqp://…`: runs execute on Celery workers (needs PostgreSQL)",
        secret=True,
        check=_scheme("redis", "rediss", "amqp", "amqps"),
    ),
    Variable(
        "FLOWAPP_REDIS_URL",
        "the broker's, when that is Redis",
        "hints between processes, cache, channels; without it processes poll each second",
        secret=True,
        check=_scheme("redis", "rediss"),
    ),
    Variable(
        "FLOWAPP_WORKFLOWS",
        "`workflows` where that package exists",
        "modules to import, comma-separated; every installed Django app's `workflows.py` is discovered as well",
    ),
    Variable(
        "FLOWAPP_QUEUES",
        "default",
        "the queues whose runs a worker takes, comma-separated; `flowapp worker --queues` sets it",
    ),
    Variable(
        "FLOWAPP_CONCURRENCY",
        "100",
        "how many runs a worker executes at once; `flowapp worker --concurrency` sets it",
        check=_one_or_more,
    ),
    Variable(
        "FLOWAPP_WORKSPACE_CONCURRENCY",
        "10000",
        "how many runs of one workspace all workers together execute at once, so that none takes up every worker",
        check=_one_or_more,
    ),
    Variable(
        "FLOWAPP_SECRET_KEY",
        "generated into FLOWAPP_HOME by `flowapp dev`; required otherwise",
        "signs sessions, CSRF tokens and links; 32 random characters at least",
        secret=True,
        check=_secret,
    ),
    Variable(
        "FLOWAPP_ENCRYPTION_KEYS",
        "generated into FLOWAPP_HOME by `flowapp dev`; required otherwise",
        "comma-separated, newest first: encrypts data and signs the audit log; 32 random characters at least, each",
        secret=True,
        check=_secrets,
    ),
    Variable(
        "FLOWAPP_BASE_URL",
        "http://localhost:8288",
        "the address people use; `https://` turns on secure cookies, HSTS and the redirect to https",
        check=_scheme("http", "https"),
    ),
    Variable(
        "FLOWAPP_ALLOWED_HOSTS",
        "FLOWAPP_BASE_URL's host",
        "host names this server answers to, comma-separated; localhost is always one",
    ),
    Variable(
        "FLOWAPP_EMAIL_URL",
        "console:",
        "how mail leaves: `smtp://user:password@host:587` (STARTTLS; plain for localhost), `smtps://…`, `console:` or "
        "`memory:`; mails about prompts are sent only where it is set",
        secret=True,
        check=_scheme("smtp", "smtps", "console", "memory"),
    ),
    Variable("FLOWAPP_EMAIL_FROM", "Flowapp <flowapp@localhost>", "the sender of mails"),
    Variable(
        "FLOWAPP_SLACK_APP_TOKEN",
        "unset: Slack calls this server",
        "`xapp-…`: Socket Mode, in which workers fetch what people press in Slack, so that Slack need not reach here",
        secret=True,
        check=lambda value: None if value.startswith("xapp-") else "must begin with xapp-",
    ),
    Variable(
        "FLOWAPP_SLACK_API_URL",
        "https://slack.com/api/",
        "where Slack's API is: another address for GovSlack, or for a Slack of one's own in tests",
        check=_scheme("http", "https"),
    ),
    Variable(
        "FLOWAPP_PROXY_COUNT",
        "0",
        "how many proxies stand before this server: that many X-Forwarded-For entries are believed",
        check=_whole_number,
    ),
    Variable(
        "FLOWAPP_RATE_LIMIT",
        "30000",
        "how many requests a key or member may make in a minute; without credentials a tenth of it, by address",
        check=_one_or_more,
    ),
    Variable(
        "FLOWAPP_WEBHOOK_ALLOW",
        "none",
        "networks (CIDR, comma-separated) besides the open internet that webhooks may be sent to, also over http",
        check=_networks,
    ),
    Variable(
        "FLOWAPP_EVENT_SOURCES",
        "none",
        "queues whose messages become events, separated by spaces: `redis-stream://…?stream=&workspace=&event=`, "
        "`amqp://…?queue=&workspace=&event=`",
        secret=True,
        check=_event_sources,
    ),
    Variable(
        "FLOWAPP_LOG_LEVEL",
        "INFO",
        "the least severe log line to print: DEBUG, INFO, WARNING or ERROR",
        check=_one_of("DEBUG", "INFO", "WARNING", "ERROR"),
    ),
    Variable(
        "FLOWAPP_LOG_FORMAT",
        "`json` in production, else `text`",
        "how log lines look: `json`, one object a line with the ids of run and step, or `text`",
        check=_one_of("json", "text"),
    ),
    Variable(
        "FLOWAPP_READY_SECONDS",
        "60",
        "how late the oldest due thing may be before `/readyz` answers 503",
        check=_one_or_more,
    ),
    Variable(
        "FLOWAPP_METRICS_TOKEN",
        "unset: no metrics outside `dev`",
        "what Prometheus sends as bearer token to read `/metrics`; 16 characters or more",
        secret=True,
        check=lambda value: None if len(value) >= 16 else "must be 16 characters or more",
    ),
    Variable(
        "FLOWAPP_METRICS_PORT",
        "unset",
        "the port on which a worker serves its own `/metrics`; without a token to this machine only",
        check=_one_or_more,
    ),
    Variable(
        "FLOWAPP_API_KEY",
        "the one in `dev.json`",
        "the key with which the command line calls FLOWAPP_BASE_URL",
        secret=True,
    ),
    Variable(
        "FLOWAPP_DEV_API_KEY",
        "random",
        "in `dev` only: the demo workspace's API key, any `ffk_` string of 20 characters or more",
        secret=True,
        check=lambda value: (
            None if value.startswith("ffk_") and len(value) >= 20 else "must be ffk_ and 20 characters or more in all"
        ),
    ),
)
