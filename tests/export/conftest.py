"""What the tests of the export share. Django is set up after this module is read, so its parts are imported inside."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from portal_admin.embedded.stack import Cluster

if TYPE_CHECKING:
    from promotion.models import Promotion, PromotionJob
    from tests.export.source import Source

Export = Callable[..., "PromotionJob"]


@pytest.fixture
def source(clusters: dict[str, Cluster], db: None) -> Source:
    """A topic of this test alone, with two partitions."""
    from tests.export.source import Source

    return Source(clusters["dev"])


@pytest.fixture
def export(settings: Any) -> Export:
    """Export a promotion in this process, and return the ended job."""
    from promotion import jobs
    from promotion.actions.request import request_job
    from promotion.states import JobKind

    # The thread that renews the lease has a connection of its own, which does not see this test's transaction.
    settings.LEASE_SECONDS = 3600

    def exporting(actor: Any, promotion: Promotion) -> PromotionJob:
        return request_job(actor, promotion, JobKind.EXPORT)

    def run(promotion: Promotion, ask: Callable[[Any, Promotion], PromotionJob] = exporting) -> PromotionJob:
        job = ask(promotion.owner, promotion)
        jobs.run(str(job.pk))
        job.refresh_from_db()
        promotion.refresh_from_db()
        return job

    return run
