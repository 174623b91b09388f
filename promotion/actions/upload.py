"""Take in an edited file: it is stored in pieces and compared by a worker; nothing of it is applied yet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from django.conf import settings
from django.db import transaction

from promotion.actions.request import request_job
from promotion.errors import InvalidInput
from promotion.models import Promotion, PromotionJob, Upload, UploadChunk
from promotion.policy import MANAGE, Actor, require
from promotion.states import JobKind

CHUNK = 1024 * 1024


def upload(
    actor: Actor, promotion: Promotion, name: str, pieces: Iterable[bytes], form: str = ""
) -> tuple[Upload, PromotionJob]:
    """Store the file and return it with the job that compares it.

    `pieces` are bytes in any sizes, read once; `form` is a domain.files Format, empty where it is to be recognised.
    Raises InvalidInput for an empty or too large file, Refused or Conflict where the promotion cannot be changed now.
    """
    require(actor, MANAGE)
    with transaction.atomic():
        file = store(actor, promotion, name, pieces, form)
        job = request_job(actor, promotion, JobKind.UPLOAD, {"upload": file.pk})
        # Nothing reads an earlier file any more: no other job of this promotion runs.
        UploadChunk.objects.filter(upload__promotion=promotion).exclude(upload=file).delete()
    return file, job


def store(actor: Actor, promotion: Promotion, name: str, pieces: Iterable[bytes], form: str = "") -> Upload:
    """Keep a file in pieces, and return it; `form` is its format where somebody said it. Inside a transaction.

    Raises InvalidInput for an empty or too large one.
    """
    file = Upload.objects.create(promotion=promotion, author=actor, file_name=_base_name(name), format=form)
    file.size = _store(file, pieces)
    file.save(update_fields=["size"])
    return file


def _base_name(name: str) -> str:
    return name.replace("\\", "/").rpartition("/")[2].replace("\0", "")[:200] or "file"


def _store(file: Upload, pieces: Iterable[bytes]) -> int:
    size = 0
    for number, data in enumerate(_chunks(pieces)):
        size += len(data)
        if size > settings.MAX_UPLOAD_BYTES:
            raise InvalidInput(
                f"The file is larger than {settings.MAX_UPLOAD_BYTES:,} bytes.",
                "Split it by lines and upload the parts one after the other.",
            )
        UploadChunk.objects.create(upload=file, number=number, data=data)
    if not size:
        raise InvalidInput("The file is empty.", "Choose the file that you downloaded here and edited.")
    return size


def _chunks(pieces: Iterable[bytes]) -> Iterator[bytes]:
    waiting = bytearray()
    for piece in pieces:
        waiting += piece
        while len(waiting) >= CHUNK:
            yield bytes(waiting[:CHUNK])
            del waiting[:CHUNK]
    if waiting:
        yield bytes(waiting)
