"""What is periodic runs in one process, and what takes long holds nothing else up."""

import threading

import pytest

from promotion.periodic import Periodic

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)


def test_what_takes_long_holds_nothing_else_up_and_never_runs_twice_at_once() -> None:
    begun, go_on, ran = threading.Semaphore(0), threading.Event(), []

    def slow() -> None:
        begun.release()
        go_on.wait(30)

    def quick() -> None:
        ran.append("quick")

    periodic = Periodic()
    periodic.beside(slow, 3600)
    periodic.register(quick, queue_name="quick", interval=3600)
    for job in periodic.get_jobs():
        job.next_enqueue_time = None
    periodic.enqueue_jobs()
    assert begun.acquire(timeout=10)
    for job in periodic.get_jobs():
        job.next_enqueue_time = None
        job.latest_enqueue_time = None
    periodic.enqueue_jobs()
    assert ran == ["quick", "quick"]
    assert not begun.acquire(blocking=False)
    go_on.set()
