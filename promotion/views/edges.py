"""The ways between environments, as the home page draws them: what has drifted, what runs, what was verified last."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from django.urls import reverse
from django.utils import timezone

from promotion.actions.pipeline import Beyond, beyond, verified_between
from promotion.domain.filters import ExportFilter
from promotion.models import Drift, Environment, Promotion, PromotionJob
from promotion.templatetags.console import url_with


class Look(StrEnum):
    """How a way stands; the page says it in words and shows it with an icon."""

    WAITING = "waiting"
    UNKNOWN = "unknown"
    COUNTING = "counting"
    BEHIND = "behind"
    LEVEL = "level"


ICONS = {
    Look.WAITING: "clock",
    Look.UNKNOWN: "warning",
    Look.COUNTING: "spinner",
    Look.BEHIND: "flag",
    Look.LEVEL: "check",
}
TONES = {Look.UNKNOWN: "warn", Look.BEHIND: "info", Look.LEVEL: "success"}


@dataclass(frozen=True)
class Edge:
    """The way from `source` to `target`: `total` events are on the one and not on the other, as far as is counted.

    `aged` says that the figures are older than they should be, since the source could not be read. `last` is the last
    promotion whose target was found whole.
    """

    source: Environment
    target: Environment
    look: Look
    total: int
    aged: bool
    drift: Drift | None
    last: Any
    running: Sequence[PromotionJob]

    @property
    def says(self) -> str:
        """How it stands, in a few words."""
        source, target, total = self.source.name, self.target.name, self.total
        match self.look:
            case Look.WAITING:
                return f"{source} and {target}: to be counted"
            case Look.UNKNOWN:
                return f"Unknown: {source} cannot be read"
            case Look.COUNTING:
                return f"Counting… {total:,} so far"
            case Look.LEVEL if self.last is None:
                return f"Nothing to promote in {source}"
            case Look.LEVEL if self.left_out:
                return f"Nothing new in {source} since #{self.last.pk}"
            case Look.LEVEL:
                return f"{target} is up to date"
            case _:
                return f"{total:,} event{'' if total == 1 else 's'} in {source}, not in {target}"

    @property
    def left_out(self) -> str:
        """By what the last verified promotion was restricted, in words, empty for none: the rest was left behind."""
        filters = ExportFilter.from_json(self.last.filters) if self.last is not None else ExportFilter()
        return " and ".join(name for name in ("types", "hosts", "users") if getattr(filters, name))

    @property
    def icon(self) -> str:
        """The icon beside the words."""
        return "equal" if self._is_hollow else ICONS[self.look]

    @property
    def tone(self) -> str:
        """The tone of the words."""
        return "neutral" if self._is_hollow else TONES.get(self.look, "neutral")

    @property
    def _is_hollow(self) -> bool:
        """Whether nothing drifted, and that is no reason to call the target up to date."""
        return self.look == Look.LEVEL and (self.last is None or bool(self.left_out))

    @property
    def url(self) -> str:
        """The page of this way."""
        return reverse("promotion:drift", args=[self.source.name, self.target.name])


def edge(source: Environment, target: Environment, drift: Drift | None, running: Iterable[PromotionJob] = ()) -> Edge:
    """Return the way between the two; `drift` is what was counted, `running` are jobs, of which it takes its own."""
    last = verified_between(source, target).select_related("export").first()
    look = _look(source, drift, last)
    total = sum(drift.counts.values()) if drift is not None and look not in (Look.WAITING, Look.UNKNOWN) else 0
    aged = drift is not None and bool(drift.error) and look not in (Look.WAITING, Look.UNKNOWN)
    own = [job for job in running if job.promotion and _is_between(job.promotion, source, target)]
    return Edge(source, target, look, total, aged, drift, last, own)


def promote_url(edge: Edge) -> str:
    """Return the form of a new promotion, filled with what is in the edge's source and not in its target."""
    behind = ahead_of(edge)
    filters = behind.filters(_partitions(edge.drift))
    spans = "\n".join(f"{p}:{start}-" for p, (start, _) in filters.offsets.items())
    return url_with(
        reverse("promotion:promotion_create"),
        source=edge.source.name,
        target=edge.target.name,
        title=f"{edge.source.name} to {edge.target.name}, {timezone.now():%Y-%m-%d}",
        since="" if filters.since is None else moment_text(filters.since),
        offsets=spans,
    )


def ahead_of(edge: Edge) -> Beyond:
    """Return where the next promotion of this way begins."""
    return beyond(edge.source, edge.target, edge.drift.cluster_id if edge.drift else edge.source.cluster_id)


def moment_text(milliseconds: int) -> str:
    """Return a time as the form's fields take it: in UTC, to the second, never later than it is."""
    return datetime.fromtimestamp(milliseconds // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def drifts() -> Mapping[tuple[int, int], Drift]:
    """Return what was counted, by the ids of source and target."""
    return {(each.source_id, each.target_id): each for each in Drift.objects.all()}


def _look(source: Environment, drift: Drift | None, last: Promotion | None) -> Look:
    if drift is None or drift.counted_at is None or drift.topic != source.topic:
        return Look.UNKNOWN if drift is not None and drift.error else Look.WAITING
    if last is not None and _is_of(last, drift) and drift.base_id != last.pk:
        return Look.WAITING  # verified a moment ago: what was counted is what it has brought
    if drift.behind:
        return Look.COUNTING
    return Look.BEHIND if drift.counts else Look.LEVEL


def _is_of(promotion: Promotion, drift: Drift) -> bool:
    return (promotion.export.topic, promotion.export.cluster_id) == (drift.topic, drift.cluster_id)


def _is_between(promotion: Promotion, source: Environment, target: Environment) -> bool:
    return (promotion.source_id, promotion.target_id) == (source.pk, target.pk)


def _partitions(drift: Drift | None) -> list[int]:
    return sorted(int(partition) for partition in drift.ends) if drift is not None else []
