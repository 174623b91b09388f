"""How much of a hostile value, schema or text is worked on before it is refused."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on one value. The defaults are far above any real event and far below what hurts a worker.

    `max_value_bytes`: the framed or unframed Avro value. Kafka's own default for a record is 1 MB.
    `max_values`: values in one datum, a null or an empty string included; 1,000,000 are decoded in about 2 s.
    `max_depth`: records, arrays, maps and unions inside each other; Python's own stack would end at about 300.
    `max_json_bytes`: JSON text in UTF-8; `max_json_depth`: brackets inside each other in it.
    `max_problems`: problems reported about one value; the rest would not be read.
    """

    max_value_bytes: int = 8 * 1024 * 1024
    max_values: int = 1_000_000
    max_depth: int = 64
    max_json_bytes: int = 32 * 1024 * 1024
    max_json_depth: int = 200
    max_problems: int = 100


DEFAULT_LIMITS = Limits()
