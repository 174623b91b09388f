"""Settings, every one from the environment; `.env.example` lists them.

Three profiles: `production` (the default) refuses to start without its secrets, `demo` and `test` run on the embedded
services over plain HTTP on loopback.
"""

from pathlib import Path

import environ
from csp.constants import NONCE, NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from django.core.management.utils import get_random_secret_key

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()

PROFILE = env.str("PROMOTION_PROFILE", "production")
if PROFILE not in {"production", "demo", "test"}:
    raise ImproperlyConfigured(f"PROMOTION_PROFILE is {PROFILE!r}: use production, demo or test.")
PRODUCTION = PROFILE == "production"
DEBUG = False


def secret(name: str, throwaway: str = "") -> str:
    """Return the secret `name`; outside production a missing one is replaced by `throwaway`."""
    value = env.str(name, "")
    if not value and PRODUCTION:
        raise ImproperlyConfigured(f"{name} is not set. See .env.example for how to make one.")
    return value or throwaway


SECRET_KEY = secret("SECRET_KEY", get_random_secret_key())
# Fernet keys, newest first: the first encrypts, all decrypt. Without one (demo's supervisor) nothing can be encrypted.
ENCRYPTION_KEYS = [key for key in secret("PROMOTION_ENCRYPTION_KEYS").split(",") if key]
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["127.0.0.1", "localhost", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
SCHEMAS_DIR = Path(env.str("PROMOTION_SCHEMAS_DIR", str(BASE_DIR / "schemas")))

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "csp",
    "django_htmx",
    "django_rq",
    "portal_admin",
    "promotion",
]
MIDDLEWARE = [
    "portal_admin.health.HealthMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "promotion.views.errors.PromotionErrorMiddleware",
]
ROOT_URLCONF = "portal_admin.urls"
WSGI_APPLICATION = "portal_admin.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "csp.context_processors.nonce",
            ],
        },
    }
]

DATABASES = {"default": env.db("DATABASE_URL", "postgres://127.0.0.1:5432/promotion")}
if DATABASES["default"]["ENGINE"] != "django.db.backends.postgresql":
    raise ImproperlyConfigured("DATABASE_URL must be postgres://...: PostgreSQL is the one database.")
DATABASES["default"]["CONN_MAX_AGE"] = env.int("PROMOTION_CONN_MAX_AGE", 60)
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

VALKEY_URL = env.str("VALKEY_URL", "redis://127.0.0.1:6379/0")
# In the order in which workers look: what keeps other work alive (environment checks) never waits behind an export of
# an hour, and no job behind the parts of another one that somebody works on already.
RQ_QUEUES = {
    name: {"URL": VALKEY_URL, "DEFAULT_TIMEOUT": 24 * 3600, "SERIALIZER": "json"}
    for name in ("quick", "default", "parts")
}
RQ = {"WORKER_CLASS": "promotion.workers.PromotionWorker"}

LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_TZ = True
USE_THOUSAND_SEPARATOR = True

STATIC_URL = "/static/"
STATIC_ROOT = Path(env.str("PROMOTION_STATIC_ROOT", str(BASE_DIR / "staticfiles")))
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if PROFILE == "test"
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}

LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "promotion:home"
LOGOUT_REDIRECT_URL = "login"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF, NONCE],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [SELF],
    }
}
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = PRODUCTION
SECURE_HSTS_SECONDS = env.int("SECURE_HSTS_SECONDS", 31_536_000 if PRODUCTION else 0)
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = PRODUCTION
if env.bool("PROMOTION_BEHIND_TLS_PROXY", default=False):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

DATA_UPLOAD_MAX_MEMORY_SIZE = 10 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 5_000
#: The schemas of an environment come as a file each: promotion/domain/schema_files.py has the same bound.
DATA_UPLOAD_MAX_NUMBER_FILES = 1_000
#: Under which address people reach the console: for links in what is sent out.
PUBLIC_URL = env.str("PROMOTION_PUBLIC_URL", "").rstrip("/")
#: Without a server nobody is offered an e-mail.
EMAIL_IS_SET_UP = bool(env.str("EMAIL_URL", ""))
if EMAIL_IS_SET_UP:
    vars().update(env.email_url("EMAIL_URL"))
    DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", "")
    if not DEFAULT_FROM_EMAIL:
        raise ImproperlyConfigured("EMAIL_URL is set, and DEFAULT_FROM_EMAIL is not: e-mails need a sender.")
EMAIL_TIMEOUT = 15

#: A file of outgoing events, in bytes.
MAX_UPLOAD_BYTES = env.int("PROMOTION_MAX_UPLOAD_BYTES", 2 * 1024**3)
#: How long a plan is good for, in hours, where nothing else makes it stale.
PLAN_HOURS = env.int("PROMOTION_PLAN_HOURS", 72)
#: A worker's lease on a job, in seconds: how long a dead worker goes unnoticed at most, plus the sweep's interval.
LEASE_SECONDS = env.int("PROMOTION_LEASE_SECONDS", 10)
SWEEP_SECONDS = env.int("PROMOTION_SWEEP_SECONDS", 5)
#: How often the topics are looked at for the home page and the histograms, in seconds.
SURVEY_SECONDS = env.int("PROMOTION_SURVEY_SECONDS", 30)

#: A promotion of so many events gets a search index of its own; fewer are looked through.
SEARCH_INDEX_FROM = env.int("PROMOTION_SEARCH_INDEX_FROM", 20_000)

if PROFILE == "test":
    PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": env.str("PROMOTION_LOG_LEVEL", "INFO")},
    # A line a request to a registry says nothing that is not said better elsewhere.
    "loggers": {name: {"level": "WARNING"} for name in ("httpx", "httpx2", "rq.worker")},
}
