"""A file becomes a promotion without a source cluster: its good entries are its events, the others are named.

Nothing of the file is decided by the file: what may travel is in the table of event types, what an event is made of
in the schemas that the target and the catalogue know. docs/decisions/0020-import.md
"""

from __future__ import annotations

from collections.abc import Iterable

from django.db import transaction

from promotion.actions import audit
from promotion.actions.create import checked_title
from promotion.actions.request import request_job
from promotion.actions.upload import store
from promotion.domain.keys import Tenancy
from promotion.errors import Refused
from promotion.models import Environment, Promotion, PromotionJob, Upload
from promotion.policy import MANAGE, Actor, require
from promotion.states import JobKind, Origin


def import_file(
    actor: Actor,
    target: Environment,
    title: str,
    name: str,
    pieces: Iterable[bytes],
    form: str = "",
    tenancy: Tenancy | None = None,
) -> tuple[Promotion, Upload, PromotionJob]:
    """Store the file and return the new promotion, owned by `actor`, with the job that reads it.

    `pieces` are its bytes in any sizes, read once; `form` is a domain.files Format, empty where it is to be
    recognised; `tenancy` says what the keys in the file are, None where nobody knows. Raises Refused where the actor
    may not or the target is none, InvalidInput for a title or a file that cannot be used.
    """
    require(actor, MANAGE)
    title = checked_title(title)
    if not target.may_be_target:
        raise Refused(f"{target.name} may not be a target.", "Choose another; a curator can change what it may be.")
    with transaction.atomic():
        promotion = Promotion.objects.create(
            title=title, origin=Origin.FILE, source=None, source_name="a file", target=target, owner=actor,
            source_tenancy=tenancy.value if tenancy is not None else "",
        )  # fmt: skip
        file = store(actor, promotion, name, pieces, form)
        promotion.source_name = file.file_name
        promotion.save(update_fields=["source_name"])
        audit.record(actor, "create", promotion, after=promotion.describe() | {"bytes": file.size})
        job = request_job(actor, promotion, JobKind.IMPORT, {"upload": file.pk})
    return promotion, file, job


def import_again(actor: Actor, promotion: Promotion, form: str = "") -> PromotionJob:
    """Ask for the stored file to be read once more, after an import that failed, as `form` or as is recognised.

    Raises like `request_job`, and Refused where the file is not kept.
    """
    require(actor, MANAGE)
    file = imported_file(promotion)
    if file is None or not file.chunks.exists():
        raise Refused("The file of this promotion is no longer kept.", "Import it again as a new promotion.")
    with transaction.atomic():
        job = request_job(actor, promotion, JobKind.IMPORT, {"upload": file.pk})
        Upload.objects.filter(pk=file.pk).update(format=form)
    return job


def imported_file(promotion: Promotion) -> Upload | None:
    """Return the file that the promotion was made of, None where it comes from elsewhere."""
    return promotion.uploads.order_by("pk").first() if promotion.origin == Origin.FILE else None
