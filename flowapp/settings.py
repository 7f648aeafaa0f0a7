"""Every Django setting in one file. What differs between installations comes from the environment (environment.py)."""

from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured
from django.utils.csp import CSP

from flowapp import environment

try:
    _env = environment.load()
except environment.BadEnvironment as bad:
    raise ImproperlyConfigured(str(bad)) from None

_ROOT = Path(__file__).resolve().parent.parent
_PACKAGE = Path(__file__).resolve().parent
_LIVE = _env.mode == "production"

# Flowapp

FLOWAPP_MODE = _env.mode
FLOWAPP_HOME = _env.home
FLOWAPP_BASE_URL = _env.base_url
FLOWAPP_BROKER_URL = _env.broker_url
FLOWAPP_REDIS_URL = _env.redis_url
FLOWAPP_WORKFLOWS = _env.workflows
FLOWAPP_QUEUES = _env.queues
FLOWAPP_CONCURRENCY = _env.concurrency
FLOWAPP_WORKSPACE_CONCURRENCY = _env.workspace_concurrency
FLOWAPP_ENCRYPTION_KEYS = _env.encryption_keys
FLOWAPP_DEV_API_KEY = _env.dev_api_key
FLOWAPP_CONTEXT = "flowapp.context.Context"
FLOWAPP_MAX_BODY_BYTES = 10 * 1024 * 1024
FLOWAPP_RATE_LIMIT = _env.rate_limit
FLOWAPP_READY_SECONDS = _env.ready_seconds
FLOWAPP_METRICS_TOKEN = _env.metrics_token
FLOWAPP_METRICS_PORT = _env.metrics_port
FLOWAPP_WEBHOOK_ALLOW = _env.webhook_allow
FLOWAPP_EVENT_SOURCES = _env.event_sources
FLOWAPP_SENDS_MAIL = _env.sends_mail
FLOWAPP_SLACK_APP_TOKEN = _env.slack_app_token
FLOWAPP_SLACK_API_URL = _env.slack_api_url

# Django

SECRET_KEY = _env.secret_key
DEBUG = False  # in `dev` too: it keeps every query, and its pages are not the product's
ALLOWED_HOSTS = _env.allowed_hosts
ROOT_URLCONF = "flowapp.urls"
ASGI_APPLICATION = "flowapp.asgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LANGUAGE_CODE = "en"
USE_I18N = False
USE_TZ = True
TIME_ZONE = "UTC"

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.humanize",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "django_htmx",
    "ninja",
    "flowapp.tenancy",
    "flowapp.audit",
    "flowapp.engine",
    "flowapp.integrations",
    "approvals",
    "agents",
    "taskboard",
    "flowapp.http",
    "flowapp.telemetry",
    "flowapp.web",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "flowapp.http.static_files.StaticFilesMiddleware",
    "django.middleware.csp.ContentSecurityPolicyMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "flowapp.http.problems.ProblemsMiddleware",
    "flowapp.http.cookies.CookiesMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "allauth.usersessions.middleware.UserSessionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "flowapp.http.credentials.CredentialsMiddleware",
    "flowapp.http.access.AccessMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        # In a clone the folders stand beside the package, in an installation inside it.
        "DIRS": [path for path in (_ROOT / "templates", _PACKAGE / "templates") if path.is_dir()],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.csp",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]

# The database: SQLite in one process, PostgreSQL for everything else

_SQLITE_OPTIONS = {
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
}
_POSTGRESQL_OPTIONS = {
    "options": "-c statement_timeout=30s -c lock_timeout=10s -c idle_in_transaction_session_timeout=60s",
    "connect_timeout": 10,
}
_POOL = {"min_size": 2, "max_size": 20, "timeout": 10}


def _database() -> dict[str, Any]:
    database = _env.database
    if not _env.on_postgresql:
        return database | {"OPTIONS": _SQLITE_OPTIONS}
    from flowapp import pooling  # with it comes psycopg, which SQLite does without

    # Tests create and drop the database under a pool, so they get none.
    pool = {"pool": _POOL | {"check": pooling.check}} if _env.mode != "test" else {}
    return database | {"OPTIONS": _POSTGRESQL_OPTIONS | database["OPTIONS"] | pool, "CONN_HEALTH_CHECKS": bool(pool)}


DATABASES = {"default": _database()}
if not _env.database_url and _env.mode != "production":
    _env.home.mkdir(parents=True, exist_ok=True)

# The cache holds rate limits, so processes share it where they can

CACHES: dict[str, dict[str, Any]] = {
    "default": (
        {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": _env.redis_url,
            "KEY_PREFIX": "flowapp",
            "OPTIONS": {"socket_timeout": 2, "socket_connect_timeout": 2},
        }
        if _env.redis_url
        else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
    )
}

# Signing in: by e-mail, with a second factor; accounts are made by inviting, not by signing up

AUTH_USER_MODEL = "tenancy.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
if _env.mode == "test":
    PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_ADAPTER = "flowapp.http.accounts.AccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "optional"
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = True
ACCOUNT_REAUTHENTICATION_TIMEOUT = 300
ALLAUTH_TRUSTED_PROXY_COUNT = _env.proxy_count
MFA_ADAPTER = "flowapp.http.accounts.MFAAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not _LIVE
USERSESSIONS_TRACK_ACTIVITY = False

SESSION_COOKIE_NAME = "flowapp_session"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = _env.https
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SECURE = _env.https
CSRF_TRUSTED_ORIGINS = [_env.base_url]
CSRF_FAILURE_VIEW = "flowapp.http.problems.csrf_failure"

# What browsers are told

SECURE_CSP = {
    "default-src": [CSP.SELF],
    "script-src": [CSP.SELF, CSP.NONCE],
    "style-src": [CSP.SELF, CSP.NONCE],
    "img-src": [CSP.SELF, "data:"],  # the QR code of an authenticator app
    "connect-src": [CSP.SELF],
    "form-action": [CSP.SELF],
    "object-src": [CSP.NONE],
    "base-uri": [CSP.NONE],
    "frame-ancestors": [CSP.NONE],
}
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
if _env.https:
    SECURE_SSL_REDIRECT = True
    SECURE_REDIRECT_EXEMPT = [r"^(healthz|readyz|metrics)$"]
    SECURE_HSTS_SECONDS = 365 * 24 * 60 * 60
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
if _env.proxy_count:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

DATA_UPLOAD_MAX_MEMORY_SIZE = FLOWAPP_MAX_BODY_BYTES

# Static files, mail, logs

STATIC_URL = "/static/"
STATICFILES_DIRS = [path for path in (_ROOT / "static", _PACKAGE / "static") if path.is_dir()]
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = _env.mode == "dev"


def _mailer() -> dict[str, Any]:
    parts = urlsplit(_env.email_url)
    if parts.scheme in ("console", "memory"):
        name = {"console": "console", "memory": "locmem"}[parts.scheme]
        return {"BACKEND": f"django.core.mail.backends.{name}.EmailBackend"}
    options: dict[str, Any] = {"host": parts.hostname or "localhost", "timeout": 10}
    options["port"] = parts.port or (465 if parts.scheme == "smtps" else 587)
    if parts.scheme == "smtps":
        options["use_ssl"] = True
    elif options["host"] not in ("localhost", "127.0.0.1", "::1"):  # what never leaves this machine needs no TLS
        options["use_tls"] = True
    if parts.username:
        options |= {"username": unquote(parts.username), "password": unquote(parts.password or "")}
    return {"BACKEND": "django.core.mail.backends.smtp.EmailBackend", "OPTIONS": options}


MAILERS = {"default": _mailer()}
DEFAULT_FROM_EMAIL = SERVER_EMAIL = _env.email_from
EMAIL_SUBJECT_PREFIX = ACCOUNT_EMAIL_SUBJECT_PREFIX = ""

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"theirs": {"()": "flowapp.http.logs.TheirFault"}},
    "formatters": {"line": {"()": "flowapp.http.logs.Formatter", "as_json": _env.log_format == "json"}},
    "handlers": {
        "stderr": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["theirs"]},
        "warnings": {"class": "logging.StreamHandler", "formatter": "line", "level": "WARNING"},
        "told": {"class": "logging.StreamHandler", "formatter": "line", "level": _env.log_level},
        "runs": {"class": "flowapp.engine.upkeep.logbook.RunHandler", "level": "INFO"},
    },
    # What any library says while it works for a run goes into that run's log; only warnings go to the process's.
    "root": {"handlers": ["warnings", "runs"], "level": "INFO"},
    "loggers": {
        name: {"handlers": ["stderr", "runs"], "level": _env.log_level, "propagate": _env.mode == "test"}
        for name in ("flowapp", "approvals", "agents", "taskboard", "django")
    }
    # What workflows say themselves is in their log even where the process's own log is quieter.
    | {"flowapp.workflow": {"handlers": ["told", "runs"], "level": "INFO", "propagate": _env.mode == "test"}}
    | {"django.request": {"level": "ERROR"}, "django.server": {"level": "WARNING"}},
}
