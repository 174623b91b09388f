"""What a value of a type may cost to decode, known before a byte is read.

Five bytes can claim an array of 30 million nulls, and a type that contains itself can be nested until the C stack
ends. A type that allows neither has a proven bound, and only such a type is given to fastavro.
"""

import math
from dataclasses import dataclass

from promotion.domain.avro_type import AvroType

_FIXED_COST = {"null": 0, "float": 4, "double": 8}


@dataclass(frozen=True, slots=True)
class Cost:
    """`min_bytes` a value takes at least; `values` it has at most outside its arrays and maps; `per_byte` how many
    more each byte of input can add inside them; `depth` it is nested at most. Infinite where there is no bound.
    """

    min_bytes: int
    values: float
    per_byte: float
    depth: float

    @property
    def bounded(self) -> bool:
        """Whether a value's size is bounded by its bytes."""
        return math.isfinite(self.values) and math.isfinite(self.per_byte) and math.isfinite(self.depth)

    def values_in(self, size: int) -> float:
        """Return how many values `size` bytes can hold at most."""
        return self.values + self.per_byte * size


_UNBOUNDED = Cost(0, math.inf, math.inf, math.inf)


def cost_of(root: AvroType) -> Cost:
    """Return the cost of a value of `root`; a type that contains itself is unbounded."""
    return _cost(root, {})


def _cost(node: AvroType, known: dict[int, Cost]) -> Cost:
    if id(node) not in known:
        known[id(node)] = _UNBOUNDED  # what is met again before it is known contains itself
        known[id(node)] = _cost_of_kind(node, known)
    return known[id(node)]


def _cost_of_kind(node: AvroType, known: dict[int, Cost]) -> Cost:
    match node.kind:
        case "record":
            return _of_record([_cost(item.type, known) for item in node.fields])
        case "union":
            return _of_union([_cost(branch, known) for branch in node.inner])
        case "array" | "map":
            return _of_items(_cost(node.inner[0], known), key_bytes=int(node.kind == "map"))
        case "fixed":
            return Cost(node.size, 1, 0, 0)
        case _:
            return Cost(_FIXED_COST.get(node.kind, 1), 1, 0, 0)


def _of_record(fields: list[Cost]) -> Cost:
    return Cost(
        sum(item.min_bytes for item in fields),
        1 + sum(item.values for item in fields),
        max((item.per_byte for item in fields), default=0),
        1 + max((item.depth for item in fields), default=0),
    )


def _of_union(branches: list[Cost]) -> Cost:
    return Cost(
        1 + min(branch.min_bytes for branch in branches),
        1 + max(branch.values for branch in branches),
        max(branch.per_byte for branch in branches),
        1 + max(branch.depth for branch in branches),
    )


def _of_items(item: Cost, key_bytes: int) -> Cost:
    least = item.min_bytes + key_bytes
    each = item.values / least if least else math.inf
    return Cost(1, 1, max(item.per_byte, each), 1 + item.depth)
