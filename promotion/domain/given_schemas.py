"""Schemas that people give, and their ids, put together: each schema once, each id for one schema, nothing made up."""

from collections import defaultdict
from dataclasses import dataclass, field, replace

from promotion.domain.schema import Schema
from promotion.errors import InvalidInput

MAX_SCHEMAS = 5_000
MAX_ID = 2**31 - 1
MOST_PROBLEMS = 100


@dataclass(frozen=True, slots=True)
class GivenSchema:
    """A schema that a file gives, the id that records bear for it, if any was given, and the file's name."""

    schema: Schema
    id: int | None
    where: str


@dataclass(slots=True)
class GivenFiles:
    """What files give: schemas in their order, each once; `ids` of types that none of them is of, by full name.

    `left_out` says of entries of a registry's export why they are no schemas of events.
    """

    schemas: list[GivenSchema] = field(default_factory=list)
    ids: dict[str, int] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)


def shown_name(name: str) -> str:
    """Return a file's name as a message may hold it: short, ASCII, without quotes."""
    return ascii(name)[1:-1][:120] or "a file without a name"


@dataclass(slots=True)
class Heap:
    """What was found in files, in their order: schemas, (full name, id, file) of ids files, and what is wrong."""

    found: list[GivenSchema] = field(default_factory=list)
    ids: list[tuple[str, int, str]] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def sorted_out(self) -> GivenFiles:
        """Put ids and schemas together. Raises InvalidInput with every problem."""
        left = self._give_ids()
        schemas = self._merged()
        if len(schemas) > MAX_SCHEMAS:
            self.problems.append(f"These are {len(schemas):,} schemas; at most {MAX_SCHEMAS:,} can be given.")
        self._check_ids(schemas, left)
        if self.problems:
            raise InvalidInput(
                "Nothing was saved: what was given is not in order.",
                "Mend what is listed, then give all of it again.",
                self.problems[:MOST_PROBLEMS],
            )
        return GivenFiles(schemas, left, self.left_out)

    def _give_ids(self) -> dict[str, int]:
        """Give the ids of ids files to the schemas of their types; return those of other types."""
        by_name = defaultdict(list)
        for number, given in enumerate(self.found):
            by_name[given.schema.full_name].append(number)
        left: dict[str, int] = {}
        for name, value, where in self.ids:
            numbers = by_name.get(name, [])
            if len({self.found[number].schema.sha256 for number in numbers}) > 1:
                self.problems.append(f"{where}: several schemas of {name} are given: put each id into its file's name.")
            elif left.get(name, value) != value:
                self.problems.append(f"{where}: {shown_name(name)} has another id in another file.")
            elif not numbers:
                left[name] = value
            else:
                # The name of the file may have one already: `_merged` tells where they differ.
                self.found.append(replace(self.found[numbers[0]], id=value, where=where))
        return left

    def _merged(self) -> list[GivenSchema]:
        merged: dict[str, GivenSchema] = {}
        for given in self.found:
            known = merged.setdefault(given.schema.sha256, given)
            if known.id is None:
                merged[given.schema.sha256] = given
            elif given.id not in {None, known.id}:
                self.problems.append(
                    f"{given.where}: {given.schema.full_name} has the id {given.id}, and the same schema {known.id} "
                    f"in {known.where}."
                )
        return list(merged.values())

    def _check_ids(self, schemas: list[GivenSchema], left: dict[str, int]) -> None:
        taken: dict[int, str] = {}
        names = [(each.id, each.schema.full_name, each.where) for each in schemas if each.id is not None]
        for schema_id, name, where in [*names, *((value, shown_name(name), "ids") for name, value in left.items())]:
            if schema_id in taken:
                self.problems.append(f"{where}: the id {schema_id} of {name} is given to {taken[schema_id]} as well.")
            taken.setdefault(schema_id, f"{name} ({where})")
