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
    IMPORTING = "importing", "Importing"
    IMPORT_FAILED = "import_failed", "Import failed"
    EXPORTED = "exported", "Exported"
    REWRITING = "rewriting", "Applying rules"
    AMENDING = "amending", "Proposing amendments"
    PLANNING = "planning", "Planning"
    REPLAYING = "replaying", "Replaying"
    REPLAY_FAILED = "replay_failed", "Replay failed"
    PARTLY_REPLAYED = "partly_replayed", "Partly replayed"
    REPLAYED = "replayed", "Replayed"
    #: Its events are in a file: nothing starts from here but reading them back.
    ARCHIVED = "archived", "Archived"


#: States in which nothing runs: a promotion can be archived.
AT_REST = frozenset(
    {
        PromotionState.DRAFT,
        PromotionState.EXPORT_FAILED,
        PromotionState.EXPORT_CANCELLED,
        PromotionState.IMPORT_FAILED,
        PromotionState.EXPORTED,
        PromotionState.REPLAYED,
    }
)


class Origin(TextChoices):
    """Where a promotion's events come from."""

    CLUSTER = "cluster", "an environment's topic"
    FILE = "file", "a file"
    #: Events that people write after a replay, each to change what is on the target.
    AMENDMENTS = "amendments", "amendments"


class Approach(TextChoices):
    """The two ways of the founding document, section "Promotion or Replay"."""

    EDIT_FIRST = "edit_first", "Edit first, then replay"
    ORIGINALS_FIRST = "originals_first", "Replay the originals, then amend on the target"


class JobKind(TextChoices):
    """What a worker does for somebody."""

    EXPORT = "export", "Export"
    REFRESH = "refresh", "Reading of what is new"
    IMPORT = "import", "Import"
    PREVIEW_RULES = "preview_rules", "Preview of rules"
    REWRITE = "rewrite", "Applying of rules"
    AMEND = "amend", "Proposal of amendments"
    PLAN = "plan", "Plan"
    CHECK_PLAN = "check_plan", "Check of a plan"
    REPLAY = "replay", "Replay"
    VERIFY = "verify", "Verification"
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

#: Kind of job -> (the promotion's states from which it may start, its state while the job runs; None: as it was).
STARTS: dict[JobKind, tuple[frozenset[PromotionState], PromotionState | None]] = {
    JobKind.EXPORT: (
        frozenset({PromotionState.DRAFT, PromotionState.EXPORT_FAILED, PromotionState.EXPORT_CANCELLED}),
        PromotionState.EXPORTING,
    ),
    JobKind.REFRESH: (frozenset({PromotionState.EXPORTED}), PromotionState.EXPORTING),
    JobKind.IMPORT: (frozenset({PromotionState.DRAFT, PromotionState.IMPORT_FAILED}), PromotionState.IMPORTING),
    # A preview changes nothing. While rules are applied nobody edits and nobody plans.
    JobKind.PREVIEW_RULES: (frozenset({PromotionState.EXPORTED}), None),
    JobKind.REWRITE: (frozenset({PromotionState.EXPORTED}), PromotionState.REWRITING),
    JobKind.AMEND: (frozenset({PromotionState.EXPORTED}), PromotionState.AMENDING),
    JobKind.PLAN: (frozenset({PromotionState.EXPORTED}), PromotionState.PLANNING),
    JobKind.CHECK_PLAN: (frozenset({PromotionState.EXPORTED}), None),
    JobKind.REPLAY: (
        frozenset({PromotionState.EXPORTED, PromotionState.REPLAY_FAILED, PromotionState.PARTLY_REPLAYED}),
        PromotionState.REPLAYING,
    ),
    # Reading the target back is also how a person finds out what a replay of unknown outcome has left there.
    JobKind.VERIFY: (
        frozenset({PromotionState.REPLAYED, PromotionState.REPLAY_FAILED, PromotionState.PARTLY_REPLAYED}),
        None,
    ),
    # Comparing an uploaded file with the events changes nothing by itself.
    JobKind.UPLOAD: (frozenset({PromotionState.EXPORTED}), None),
}

#: (Kind of job, its final state) -> the promotion's state after it. A replay that was refused or cancelled before a
#: transaction was committed has left nothing on the target that a read_committed reader could see, so the promotion is
#: as it was before; after one it is partly replayed, whatever this table says (actions/finish.py).
ENDS: dict[tuple[JobKind, JobState], PromotionState] = {
    (JobKind.EXPORT, JobState.SUCCEEDED): PromotionState.EXPORTED,
    (JobKind.EXPORT, JobState.REFUSED): PromotionState.EXPORT_FAILED,
    (JobKind.EXPORT, JobState.FAILED): PromotionState.EXPORT_FAILED,
    (JobKind.EXPORT, JobState.CANCELLED): PromotionState.EXPORT_CANCELLED,
    # What a refresh has pinned and not read yet is read by the next export, so that no gap is left in between.
    (JobKind.REFRESH, JobState.SUCCEEDED): PromotionState.EXPORTED,
    (JobKind.REFRESH, JobState.REFUSED): PromotionState.EXPORT_FAILED,
    (JobKind.REFRESH, JobState.FAILED): PromotionState.EXPORT_FAILED,
    (JobKind.REFRESH, JobState.CANCELLED): PromotionState.EXPORT_CANCELLED,
    (JobKind.IMPORT, JobState.SUCCEEDED): PromotionState.EXPORTED,
    (JobKind.IMPORT, JobState.REFUSED): PromotionState.IMPORT_FAILED,
    (JobKind.IMPORT, JobState.FAILED): PromotionState.IMPORT_FAILED,
    (JobKind.IMPORT, JobState.CANCELLED): PromotionState.IMPORT_FAILED,
    **{
        (kind, state): PromotionState.EXPORTED
        for kind in (JobKind.REWRITE, JobKind.AMEND)
        for state in FINAL_JOB_STATES
    },
    (JobKind.PLAN, JobState.SUCCEEDED): PromotionState.EXPORTED,
    (JobKind.PLAN, JobState.REFUSED): PromotionState.EXPORTED,
    (JobKind.PLAN, JobState.FAILED): PromotionState.EXPORTED,
    (JobKind.PLAN, JobState.CANCELLED): PromotionState.EXPORTED,
    (JobKind.REPLAY, JobState.SUCCEEDED): PromotionState.REPLAYED,
    (JobKind.REPLAY, JobState.REFUSED): PromotionState.EXPORTED,
    (JobKind.REPLAY, JobState.FAILED): PromotionState.REPLAY_FAILED,
    (JobKind.REPLAY, JobState.CANCELLED): PromotionState.EXPORTED,
}

#: States in which people may edit, exclude and upload.
EDITABLE = frozenset({PromotionState.EXPORTED})


class PlanState(TextChoices):
    """Where a plan stands. The newest plan of a promotion is the one that counts."""

    REFUSED = "refused", "Refused"
    READY = "ready", "Ready"
    SUBMITTED = "submitted", "Waiting for approval"
    APPROVED = "approved", "Approved"
    REJECTED = "rejected", "Rejected"
    STALE = "stale", "Stale"
    STARTED = "started", "In replay"
    REPLAYED = "replayed", "Replayed"
    SUPERSEDED = "superseded", "Superseded"


#: A plan that may still become a replay, or is one: a promotion has at most one such.
OPEN_PLANS = (PlanState.READY, PlanState.SUBMITTED, PlanState.APPROVED, PlanState.STARTED)
#: What a change, a new record on the target or the clock turns into a stale one; a started plan is beyond that.
MAY_GO_STALE = frozenset({PlanState.REFUSED, PlanState.READY, PlanState.SUBMITTED, PlanState.APPROVED})


class Verdict(TextChoices):
    """What a plan says of one event, judged in order against the target and all earlier events of the plan."""

    NEW = "new", "New"
    CHANGED = "changed", "Changed"
    SAME = "same", "Same"
    ALREADY_PROMOTED = "already_promoted", "Already promoted"
    CONFLICT = "conflict", "Conflict"
    INVALID = "invalid", "Invalid"
    ORPHAN = "orphan", "Orphan"


#: Left out unless somebody forces them in.
LEFT_OUT = frozenset({Verdict.SAME, Verdict.ALREADY_PROMOTED})
#: They hold the whole plan up.
REFUSING = frozenset({Verdict.CONFLICT, Verdict.INVALID, Verdict.ORPHAN})
#: What a person may send all the same, for a reason. What is invalid cannot be sent at all.
FORCIBLE = frozenset({Verdict.SAME, Verdict.ALREADY_PROMOTED, Verdict.CONFLICT, Verdict.ORPHAN})


class ApprovalVerdict(TextChoices):
    """What somebody said of a plan that waits for approval. The newest word of each person counts."""

    APPROVE = "approve", "Approved"
    REJECT = "reject", "Rejected"
    WITHDRAW = "withdraw", "Withdrawn"


class VerificationVerdict(TextChoices):
    """What reading the target back has shown."""

    VERIFIED = "verified", "Verified"
    #: Something is missing, twice, out of order or not what was planned.
    FAILED = "failed", "Failed"
    #: What can still be read is right, but retention has deleted some of it.
    INCOMPLETE = "incomplete", "Incomplete"


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
    #: One field of many events, set by a person in one go.
    TOGETHER = "together", "Edited together"
    UNDO = "undo", "Undone"
    ORIGINAL = "original", "Back to the original"
    #: Made by a worker from the version before it and the promotion's rules, and made anew when those change.
    RULES = "rules", "Changed by rules"


class AttemptOutcome(TextChoices):
    """What became of one attempt to replay, as read from the marker in Kafka and never from an exception."""

    OPEN = "open", "Open"
    COMMITTED = "committed", "Committed"
    ABORTED = "aborted", "Aborted"
