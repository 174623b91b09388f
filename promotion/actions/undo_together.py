"""Take back what was edited together: each event goes back one step, and the promotion's rules are done to it anew."""

from __future__ import annotations

from itertools import islice

from django.db.models import F, Max, Q, QuerySet

from promotion.actions.edit import searchable
from promotion.actions.outgoing import Body, original
from promotion.actions.rewrite_event import EventRewriter
from promotion.actions.rewrite_load import load
from promotion.actions.rewrite_schemas import KnownTypes
from promotion.actions.rewrite_write import write as write_changes
from promotion.domain.schema import parse
from promotion.errors import Refused
from promotion.models import Event, Promotion, Revision, RuleList
from promotion.policy import Actor
from promotion.states import RevisionKind

BATCH = 500
#: What goes out now is the revision itself, or what the rules made of it.
_CURRENT = Q(event__revision=F("pk")) | Q(event__revision__kind=RevisionKind.RULES, event__revision__parent=F("pk"))


def take_back(actor: Actor, promotion: Promotion, made: QuerySet[Revision]) -> int:
    """Let the events whose newest change by hand is one of `made` go back one step; return how many did.

    Inside the transaction of `lock_editable`. Raises Refused where the promotion's rules would make one invalid.
    """
    related = ("event__schema", "parent__schema", "parent__parent__schema")
    current = made.filter(_CURRENT).order_by("pk").select_related(*related).iterator(BATCH)
    rules = RuleList.objects.applied(promotion.pk)
    rewriter = EventRewriter(promotion, rules, KnownTypes(promotion)) if rules else None
    count = 0
    while batch := list(islice(current, BATCH)):
        _go_back(actor, batch)
        if rewriter is not None:
            _redo_rules(actor, rewriter, [revision.event_id for revision in batch])
        count += len(batch)
    return count


def _go_back(actor: Actor, batch: list[Revision]) -> None:
    """Write an undo for each: its revisions in one insert, its events in one update."""
    ids = [revision.event_id for revision in batch]
    newest = dict(Revision.objects.filter(event__in=ids).order_by().values_list("event").annotate(n=Max("number")))
    undone = Revision.objects.bulk_create(_undo(actor, each, newest[each.event_id] + 1) for each in batch)
    changes = []
    for revision in undone:
        document, host, user = searchable(_body(revision))
        about = {"id": revision.event_id, "excluded": revision.event.excluded, "revision_id": revision.pk}
        changes.append(about | {"document": document, "host": host, "user": user})
    Event.objects.change(changes)
    Event.objects.filter(pk__in=[each.event_id for each in undone if each.body is None]).update(revision=None)


def _undo(actor: Actor, made: Revision, number: int) -> Revision:
    before, event = _under(made), made.event
    assert event.schema is not None, "an event with a revision was read with a schema"
    return Revision(
        event=event,
        number=number,
        parent=before and before.parent,
        kind=RevisionKind.UNDO,
        schema=before.schema if before else event.schema,
        body=before and before.body,
        rules=before.rules if before else [],
        author=actor,
        note=made.note,
    )


def _under(made: Revision) -> Revision | None:
    """What stood there before, the rules' work passed over."""
    parent = made.parent
    return parent.parent if parent is not None and parent.kind == RevisionKind.RULES else parent


def _body(revision: Revision) -> Body:
    if revision.body is None:
        return original(revision.event)
    return Body(parse(revision.schema.text), bytes(revision.body))


def _redo_rules(actor: Actor, rewriter: EventRewriter, ids: list[int]) -> None:
    results = [rewriter.rewrite(each) for each in load(Event.objects.filter(pk__in=ids))]
    refused = [result for result in results if result.refuses]
    if refused:
        raise Refused(
            f"The promotion's rules would make {len(refused):,} of these events invalid.",
            "Change the rules first.",
            [problem for result in refused[:10] for problem in result.problems],
        )
    write_changes(actor.pk, [result.change for result in results if result.change is not None], "")
