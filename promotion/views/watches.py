"""The wish for an e-mail when a job of a promotion ends."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from promotion.actions import notices
from promotion.errors import Refused
from promotion.policy import VIEW, require
from promotion.views.shared import actor_of, promotion_of


@require_POST
def watch(request: HttpRequest, promotion_id: int) -> HttpResponse:
    """Begin or end the e-mails about one promotion to whoever asks."""
    require(request.user, VIEW)
    about, wanted = promotion_of(promotion_id), request.POST.get("watch") == "on"
    try:
        notices.watch(actor_of(request), about, wanted)
    except Refused as error:
        messages.error(request, str(error))
    else:
        said = "You get an e-mail when a job of it ends." if wanted else "You get no more e-mails about it."
        messages.success(request, said)
    return redirect(about)
