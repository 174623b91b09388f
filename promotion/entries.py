"""Entries of the queue: a function, an id and nothing else, each under a name that is queued once."""

from __future__ import annotations

import uuid
from collections.abc import Collection

import django_rq
from redis.exceptions import RedisError
from rq import Queue
from rq.exceptions import DuplicateJobError, NoSuchJobError

from promotion.errors import Unreachable


def put(queue_name: str, function: str, name: str, about: uuid.UUID) -> None:
    """Put the id `about` into a queue for `function`, unless the entry `name` waits there. Raises Unreachable."""
    try:
        queue = django_rq.get_queue(queue_name, commit_mode="on_db_commit")
        try:
            _push(queue, function, name, about)
        except DuplicateJobError:
            # It waits in the queue, or it is what is left of a worker that died before it could claim the job: RQ keeps
            # that under the same name, and would keep the job out for as long.
            if queue.get_job_position(name) is None:
                _forget(queue, name)
                _push(queue, function, name, about)
    except RedisError as error:
        raise Unreachable(
            "The queue (Valkey) does not answer.", "The job is kept and starts by itself when the queue is back."
        ) from error


def withdraw(queue_name: str, about: Collection[uuid.UUID]) -> None:
    """Take entries about any of these ids out of a queue. What stays would do nothing, and cost a worker a moment."""
    if not about:
        return
    ids = {str(each) for each in about}
    try:
        queue = django_rq.get_queue(queue_name)
        for name in queue.job_ids:
            if name.rpartition("-")[0] in ids:
                _forget(queue, name)
    except RedisError:
        pass


def waiting(*queue_names: str) -> bool:
    """Return whether anything waits in one of the queues; what cannot be asked holds nothing."""
    try:
        return any(django_rq.get_queue(name).count for name in queue_names)
    except RedisError:
        return False


def _push(queue: Queue, function: str, name: str, about: uuid.UUID) -> None:
    queue.enqueue_call(function, args=(str(about),), job_id=name, unique=True, result_ttl=60, failure_ttl=3600)


def _forget(queue: Queue, name: str) -> None:
    try:
        found = queue.fetch_job(name)
        if found is not None:
            found.delete()
    except NoSuchJobError:
        pass
