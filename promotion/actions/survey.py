"""Look at every environment's topic without anybody's promotion: how large it is, and what came when.

The periodic process does this; pages read what stands in the database and never ask Kafka themselves:
docs/decisions/0023-survey-and-drift.md.
"""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any

from django.db.models import Q
from django.utils import timezone

from promotion.actions.connect import kafka_connection
from promotion.errors import PromotionError
from promotion.kafka.survey import TopicOverTime, over_time, watermarks
from promotion.models import Environment, TopicSurvey

logger = logging.getLogger(__name__)
TIMEOUT = 5.0


def survey_all() -> None:
    """Look at each environment's topic in turn. What fails of one is written down there and stops no other."""
    for environment in Environment.objects.all():
        try:
            survey(environment)
        except Exception as error:  # a database that restarts, a row that is gone: the next round tries again
            logger.warning("survey of %s: %s", environment.name, type(error).__name__)


def survey(environment: Environment) -> None:
    """Look at the topic of `environment` and keep what was seen, or the sentence that says why nothing was."""
    began = timezone.now()
    before, _ = TopicSurvey.objects.get_or_create(environment=environment, defaults={"topic": environment.topic})
    try:
        found = _seen(environment, before)
    except PromotionError as error:
        _keep(environment, began, error=str(error))
    else:
        _keep(environment, began, error="", surveyed_at=began, **found)


def fits(survey: TopicSurvey | None, environment: Environment) -> bool:
    """Say whether there are figures, and they are of the topic that the environment names now."""
    if survey is None or survey.surveyed_at is None or survey.topic != environment.topic:
        return False
    return not (survey.cluster_id and environment.cluster_id) or survey.cluster_id == environment.cluster_id


def _seen(environment: Environment, before: TopicSurvey) -> dict[str, Any]:
    kafka = kafka_connection(environment)
    ends = _ends(watermarks(kafka, environment.topic, TIMEOUT))
    if before.surveyed_at is not None and ends == {name: getattr(before, name) for name in ends}:
        return {}  # nothing came and nothing went: sixty questions less
    found = over_time(kafka, environment.topic, TIMEOUT)
    bars = [[moment, {str(p): offset for p, offset in at.items()}] for moment, at in found.marks]
    return _ends(found) | {"bars": bars}


def _ends(found: TopicOverTime) -> dict[str, Any]:
    marks = [{"partition": each.partition, "low": each.low, "high": each.high} for each in found.watermarks]
    return {"topic": found.topic, "cluster_id": found.cluster_id, "partitions": marks}


def _keep(environment: Environment, began: datetime, **values: Any) -> None:
    """Write it, unless another process has looked later: of two, the newer look stays."""
    newer = Q(tried_at__isnull=True) | Q(tried_at__lt=began)
    TopicSurvey.objects.filter(newer, environment=environment).update(tried_at=began, **values)
