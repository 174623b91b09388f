"""The states of promotions and jobs, and the only ways from one to the next.

A state changes by compare-and-set: `STARTS` says from which states a kind of job may start and what the promotion is
while it runs, `ENDS` what it is afterwards. Pages, command line and workers read the same tables.
"""

from django.db.models import TextChoices


class PromotionState(TextChoices):
    """Where a promotion stands."""

    DRAFT = "draft", "Draft"
    EXPORTING = "exporting", "Exporting"
    EXPORT_FAILED = "export_failed", "Export failed"
    EXPORT_CANCELLED = "export_cancelled", "Export cancelled"
    EXPORTED = "exported", "Exported"
    REPLAYING = "replaying", "Replaying"
    REPLAY_FAILED = "replay_failed", "Replay failed"
    REPLAYED = "replayed", "Replayed"


class JobKind(TextChoices):
    """What a worker does for somebody."""

    EXPORT = "export", "Export"
    REPLAY = "replay", "Replay"
    UPLOAD = "upload", "Upload"
    CHECK_ENVIRONMENT = "check_environment", "Check of an environment"


class JobState(TextChoices):
    """Where a job stands. The last four are final."""

    QUEUED = "queued", "Queued"
    RUNNING = "running", "Running"
    SUCCEEDED = "succeeded", "Succeeded"
    REFUSED = "refused", "Refused"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"


ACTIVE_JOB_STATES = (JobState.QUEUED, JobState.RUNNING)
FINAL_JOB_STATES = (JobState.SUCCEEDED, JobState.REFUSED, JobState.FAILED, JobState.CANCELLED)

#: Kind of job -> (the promotion's states from which it may start, its state while the job runs).
STARTS: dict[JobKind, tuple[frozenset[PromotionState], PromotionState]] = {
    JobKind.EXPORT: (
        frozenset({PromotionState.DRAFT, PromotionState.EXPORT_FAILED, PromotionState.EXPORT_CANCELLED}),
        PromotionState.EXPORTING,
    ),
    JobKind.REPLAY: (
        frozenset({PromotionState.EXPORTED, PromotionState.REPLAY_FAILED}),
        PromotionState.REPLAYING,
    ),
    # Comparing an uploaded file with the events changes nothing by itself.
    JobKind.UPLOAD: (frozenset({PromotionState.EXPORTED}), PromotionState.EXPORTED),
}

#: (Kind of job, its final state) -> the promotion's state after it. A replay that was refused or cancelled has left
#: nothing on the target that a read_committed reader could see, so the promotion is as it was before.
ENDS: dict[tuple[JobKind, JobState], PromotionState] = {
    (JobKind.EXPORT, JobState.SUCCEEDED): PromotionState.EXPORTED,
    (JobKind.EXPORT, JobState.REFUSED): PromotionState.EXPORT_FAILED,
    (JobKind.EXPORT, JobState.FAILED): PromotionState.EXPORT_FAILED,
    (JobKind.EXPORT, JobState.CANCELLED): PromotionState.EXPORT_CANCELLED,
    (JobKind.REPLAY, JobState.SUCCEEDED): PromotionState.REPLAYED,
    (JobKind.REPLAY, JobState.REFUSED): PromotionState.EXPORTED,
    (JobKind.REPLAY, JobState.FAILED): PromotionState.REPLAY_FAILED,
    (JobKind.REPLAY, JobState.CANCELLED): PromotionState.EXPORTED,
    (JobKind.UPLOAD, JobState.SUCCEEDED): PromotionState.EXPORTED,
    (JobKind.UPLOAD, JobState.REFUSED): PromotionState.EXPORTED,
    (JobKind.UPLOAD, JobState.FAILED): PromotionState.EXPORTED,
    (JobKind.UPLOAD, JobState.CANCELLED): PromotionState.EXPORTED,
}

#: States in which people may edit, exclude and upload.
EDITABLE = frozenset({PromotionState.EXPORTED})


class Decision(TextChoices):
    """What a person decided about an event type. Nobody's decision means it never travels."""

    UNDECIDED = "undecided", "Undecided"
    PROMOTABLE = "promotable", "Promotable"
    NOT_PROMOTABLE = "not_promotable", "Not promotable"


class Category(TextChoices):
    """What an event type is proposed to be; a proposal is not a decision."""

    CONFIGURABLE = "configurable", "Configurable"
    TRANSACTIONAL = "transactional", "Transactional"
    UNDECIDED = "undecided", "Undecided"


class Disposition(TextChoices):
    """What became of a record that an export read. Every record has exactly one."""

    KEPT = "kept", "Kept"
    NOT_PROMOTABLE = "not_promotable", "Not promotable"
    UNDECIDED = "undecided", "Undecided"
    DERIVED = "derived", "Derived"
    FILTERED = "filtered", "Filtered out"
    TOMBSTONES = "tombstones", "Tombstones"
    QUARANTINED = "quarantined", "Quarantined"


class RevisionKind(TextChoices):
    """How an outgoing event came to be what it is."""

    EDIT = "edit", "Edited"
    UPLOAD = "upload", "Uploaded"
    UNDO = "undo", "Undone"
    ORIGINAL = "original", "Back to the original"


class AttemptOutcome(TextChoices):
    """What became of one attempt to replay, as read from the marker in Kafka and never from an exception."""

    OPEN = "open", "Open"
    COMMITTED = "committed", "Committed"
    ABORTED = "aborted", "Aborted"
