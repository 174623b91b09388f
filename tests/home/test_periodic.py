"""The periodic process looks at the topics by itself, while it also sweeps."""

import pytest

from tests import cast
from tests.export.source import FIRST, Source
from tests.jobs.conftest import start_worker
from tests.jobs.processes import until

__all__ = ["start_worker"]
pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)


def test_the_periodic_process_looks_at_every_topic_and_counts_what_has_drifted(start_worker, clusters) -> None:
    from promotion.models import Drift, TopicSurvey

    source = Source(clusters["dev"])
    source.type("KeptEvent")
    source.produce({"value": source.value("KeptEvent", n), "partition": 0, "timestamp": FIRST + n} for n in range(7))
    dev, sit = source.environment("dev", order=10), cast.environment("sit", order=20)
    start_worker("periodic")
    survey = until(lambda: TopicSurvey.objects.filter(environment=dev, surveyed_at__isnull=False).first())
    assert [each["high"] for each in survey.partitions] == [7, 0]
    drift = until(lambda: Drift.objects.filter(source=dev, target=sit, counted_at__isnull=False).first())
    assert sum(drift.counts.values()) == 7
