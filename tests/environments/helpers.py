import socket
from collections.abc import Iterator

from promotion import jobs
from promotion.models import AuditEntry, Environment, EnvironmentDraft, PromotionJob

#: Stands in every secret that these tests type; must never be seen again.
SENTINEL = "S3NTINEL-do-not-show"


def run_last_job() -> PromotionJob:
    """Do the newest job as a worker would, and return it as it ended."""
    job = PromotionJob.objects.latest("created_at")
    jobs.run(str(job.pk))
    job.refresh_from_db()
    return job


def everything_stored() -> Iterator[str]:
    """All that the database holds of environments, their checks and the audit trail, as text."""
    for model in (Environment, EnvironmentDraft, PromotionJob, AuditEntry):
        for row in model.objects.values():
            yield str({name: bytes(v) if isinstance(v, memoryview) else v for name, v in row.items()})


def closed_port() -> int:
    """Return a loopback port where nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
