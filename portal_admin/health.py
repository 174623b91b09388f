"""`GET /healthz`: 200 when the database, Valkey and a worker are there, else 503 with what is missing.

A middleware, and the first one, so that a probe needs no login, no known host name and no TLS.
"""

import logging
from collections.abc import Callable

import django_rq
from django.db import connection
from django.db.utils import Error as DatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse
from redis.exceptions import RedisError
from rq import Worker

logger = logging.getLogger(__name__)


class HealthMiddleware:
    """Answers /healthz and hands everything else on."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Return the health as JSON for /healthz, else the page."""
        if request.path != "/healthz":
            return self.get_response(request)
        parts = {"database": _database(), "valkey": _valkey(), "worker": _worker()}
        return JsonResponse(parts, status=200 if all(parts.values()) else 503)


def _database() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError as error:
        logger.warning("health: the database does not answer: %s", type(error).__name__)
        return False
    return True


def _valkey() -> bool:
    try:
        return bool(django_rq.get_connection("default").ping())
    except RedisError as error:
        logger.warning("health: Valkey does not answer: %s", type(error).__name__)
        return False


def _worker() -> bool:
    try:
        return Worker.count(connection=django_rq.get_connection("default")) > 0
    except RedisError:
        return False
