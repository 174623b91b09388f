"""Files that come in over HTTP: their size is looked at before any of it is read, and the token after that."""

from __future__ import annotations

from typing import TypeVar

from django.conf import settings
from django.forms import Form
from django.http import HttpRequest

AnyForm = TypeVar("AnyForm", bound=Form)
#: What a form needs beside its file, in bytes.
AROUND = 64 * 1024


def too_large(request: HttpRequest) -> bool:
    """Whether the request's body cannot be a file that is taken. Reads nothing of it."""
    most: int = settings.MAX_UPLOAD_BYTES
    return int(request.META.get("CONTENT_LENGTH") or 0) > most + AROUND


def say_too_large(form: AnyForm) -> AnyForm:
    """Return the bound form with that error, and no other, at its file."""
    form.is_valid()
    form.errors.clear()
    form.errors["file"] = form.error_class([f"The file is larger than {settings.MAX_UPLOAD_BYTES:,} bytes."])
    return form
