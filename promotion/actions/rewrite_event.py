"""What a promotion's rules make of one event: of its base, and compared with what goes out now."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from promotion.actions.loaded_events import SchemaRows
from promotion.actions.masking import Masks
from promotion.actions.outgoing import Body, body_of, search_columns
from promotion.actions.rewrite_load import RuledEvent, Version
from promotion.actions.rewrite_write import Rewritten
from promotion.domain.diff import differences
from promotion.domain.json_codec import to_json_value
from promotion.domain.rewrite import Change, Facts, Outcome, Rewriter, Seeds, rules_from_json
from promotion.domain.schema import Schema
from promotion.models import Event, EventType, PairSeed, Promotion, Revision
from promotion.states import RevisionKind

_INDEX = re.compile(r"\[\d+\]")


class Schemas(Protocol):
    """The schemas that the target has for its types, and their rows."""

    def of(self, full_name: str) -> Schema | None:
        """Return the target's newest schema of a type, None where it has none."""

    def row(self, schema: Schema) -> int:
        """Return the id of the schema's row."""


@dataclass(frozen=True, slots=True)
class Result:
    """`change` is what has to be written, None for nothing. `changes` are the fields of what goes out that change.

    `matched` and `changed_by` are ids of rules. `rewrites` says that the body changes, `restores` that it becomes the
    base again, `excludes` that the event is now left out or taken in. With `problems` the event would be invalid, and
    `refuses` says that no rule allows to exclude it then.
    """

    type_name: str
    change: Rewritten | None = None
    changes: Sequence[Change] = ()
    matched: Sequence[str] = ()
    changed_by: Sequence[str] = ()
    problems: Sequence[str] = ()
    refuses: bool = False
    rewrites: bool = False
    restores: bool = False
    excludes: bool | None = None


def base_of(event: Event) -> Revision | None:
    """Return what the rules are done to: a revision that somebody made, None for the original."""
    revision = event.revision
    return revision.parent if revision is not None and revision.kind == RevisionKind.RULES else revision


def seeds_of(promotion: Promotion) -> Seeds:
    """Return what the UUIDs of the promotion's rules are made from; the one of its way is made where there is none."""
    pair, _ = PairSeed.objects.get_or_create(source_name=promotion.source_label, target_id=promotion.target_id)
    return Seeds(promotion.seed, pair.seed)


class EventRewriter:
    """The enabled ones of `rules` (as models.RuleList holds them), compiled once, done to one event after the other.

    `lenient` excludes every event that would become invalid; with `dry` nothing is written, so what serves searching
    is not made.
    """

    def __init__(
        self,
        promotion: Promotion,
        rules: Sequence[dict[str, Any]],
        types: Schemas,
        *,
        lenient: bool = False,
        dry: bool = False,
    ) -> None:
        self._rules = rules_from_json([each["rule"] for each in rules if each["enabled"]])
        self._types = types
        self.lenient, self.dry = lenient, dry
        self._seeds, self._masks = seeds_of(promotion), Masks()
        self._rewriters: dict[frozenset[str], tuple[Rewriter, list[str]]] = {}
        self._names = {row.pk: row for row in EventType.objects.only("full_name", "aggregate", "action")}
        self._schemas = SchemaRows()

    def selects(self, row: EventType) -> bool:
        """Return whether any rule may be about events of this type."""
        return any(rule.selects(row.full_name, row.aggregate, row.action) for rule in self._rules)

    def rewrite(self, event: RuledEvent) -> Result:
        """Return what becomes of `event`."""
        kind = self._names[event.event_type_id]
        body, schema_id = self._body(event)
        facts = Facts(kind.full_name, kind.aggregate, kind.action, event.partition, event.offset, event.timestamp)
        rewriter, ids = self._rewriter(event.base)
        outcome = rewriter.rewrite(facts, body.schema, body.data, self._types.of)
        return _Comparison(self, event, body, schema_id, outcome, ids).result()

    def row(self, schema: Schema, own: Schema, own_id: int) -> int:
        """Return the id of a schema's row; `own` is the event's, whose row is known."""
        return own_id if schema is own else self._types.row(schema)

    def schema(self, schema_id: int) -> Schema:
        """Return a schema by the id of its row; each is loaded once."""
        return self._schemas.of(schema_id)

    def _rewriter(self, base: Version | None) -> tuple[Rewriter, list[str]]:
        """The rules without those whose work is in the base already, and their ids."""
        done = frozenset(base.rules) if base is not None else frozenset()
        if done not in self._rewriters:
            left = [rule for rule in self._rules if str(rule.id) not in done]
            self._rewriters[done] = Rewriter(left, self._seeds, self._masks.named), [str(rule.id) for rule in left]
        return self._rewriters[done]

    def _body(self, event: RuledEvent) -> tuple[Body, int]:
        base = event.base
        if base is not None and base.body is not None:
            return Body(self.schema(base.schema_id), base.body), base.schema_id
        return Body(self.schema(event.schema_id), body_of(event.value, event.headers)), event.schema_id


class _Comparison:
    """The outcome for one event beside what goes out of it now."""

    def __init__(
        self,
        rewriter: EventRewriter,
        event: RuledEvent,
        body: Body,
        schema_id: int,
        outcome: Outcome,
        ids: list[str],
    ) -> None:
        self._rewriter, self._event, self._body = rewriter, event, body
        self._schema_id, self._outcome = schema_id, outcome
        self._matched = [ids[index] for index in outcome.matched]
        self._changed_by = [ids[index] for index in outcome.changed_by]

    def result(self) -> Result:
        outcome, event, matched, name = self._outcome, self._event, self._matched, self._outcome.full_name
        if outcome.problems and event.hand_excluded:
            outcome = Outcome(name)  # it does not go out anyway: it stays as it is without the rules
        elif outcome.problems and self._rewriter.lenient:
            outcome = replace(outcome, excluded=True)
        elif outcome.refused:
            return Result(name, matched=matched, problems=outcome.problems, refuses=True)
        new = self._new(outcome)
        rewrites, excludes = self._rewrites(new), self._excludes(outcome.excluded)
        if not rewrites and outcome.excluded == event.rule_excluded:
            return Result(name, matched=matched, problems=outcome.problems)
        return Result(
            name,
            change=self._change(outcome, new, rewrites),
            changes=self._changes(outcome, new) if rewrites else (),
            matched=matched,
            changed_by=self._changed_by,
            problems=outcome.problems,
            rewrites=rewrites,
            restores=rewrites and new is None,
            excludes=excludes,
        )

    def _new(self, outcome: Outcome) -> tuple[Body, int] | None:
        """What the rules make of it and the row of its schema, None for the base."""
        if outcome.body is None or outcome.schema is None:
            return None
        row = self._rewriter.row(outcome.schema, self._body.schema, self._schema_id)
        return Body(outcome.schema, outcome.body), row

    def _rewrites(self, new: tuple[Body, int] | None) -> bool:
        made = self._event.made
        if made is None or new is None:
            return (made is None) != (new is None)
        return (made.body or b"", made.schema_id) != (new[0].data, new[1])

    def _excludes(self, said: bool | None) -> bool | None:
        event = self._event
        becomes = event.hand_excluded if event.hand_excluded is not None else bool(said)
        return None if becomes == event.excluded else becomes

    def _change(self, outcome: Outcome, new: tuple[Body, int] | None, rewrites: bool) -> Rewritten:
        made, base_id = self._event.made, self._event.base.pk if self._event.base is not None else None
        if not rewrites and made is not None and made.body is not None:
            goes, base_id = Body(self._rewriter.schema(made.schema_id), made.body), made.pk  # it stays as it is
        else:
            goes = new[0] if new is not None else self._body
        document, host, user = ("", "", "") if self._rewriter.dry else search_columns(goes)
        return Rewritten(
            event_id=self._event.pk,
            excluded=outcome.excluded,
            body=new[0].data if rewrites and new is not None else None,
            schema_id=new[1] if rewrites and new is not None else None,
            rules=self._changed_by,
            base_id=base_id,
            document=document,
            host=host,
            user=user,
        )

    def _changes(self, outcome: Outcome, new: tuple[Body, int] | None) -> Sequence[Change]:
        """From what goes out now; where no rule was done before, the engine has said it already."""
        made = self._event.made
        if made is None or made.body is None:
            return outcome.changes
        before = to_json_value(self._rewriter.schema(made.schema_id), made.body)
        goes = new[0] if new is not None else self._body
        found = differences(before, to_json_value(goes.schema, goes.data), 1_000)
        return [Change(_INDEX.sub("[*]", each.path.removeprefix("$.")), each.before, each.after) for each in found]
