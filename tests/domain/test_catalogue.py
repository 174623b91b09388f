"""The files in schemas/: one self-contained schema for each event type."""

import json
from pathlib import Path

import pytest

from promotion.domain.schema import parse

FILES = sorted((Path(__file__).parents[2] / "schemas").glob("*.avsc"))
EVENT_ID = "com.networknt.kafka.common.EventId"
GENERATIONS = (
    ["id", "nonce", "timestamp", "derived"],
    ["id", "userId", "hostId", "nonce", "timestamp", "derived"],
)
DERIVED = {"CovidMapMovedEvent", "TaxonomyCreatedEvent", "TaxonomyDeletedEvent"}


def test_the_catalogue_has_218_types() -> None:
    assert len(FILES) == 218
    assert sum("userId" in [f.name for f in parse(p.read_text()).root.fields[0].type.fields] for p in FILES) == 53


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem.rpartition(".")[2])
def test_a_file_is_named_after_its_type_and_begins_with_its_event_id(path: Path) -> None:
    schema = parse(path.read_text())
    assert path.name == f"{schema.full_name}.avsc"
    first = schema.root.fields[0]
    assert (first.name, first.type.name) == ("EventId", EVENT_ID)
    assert [item.name for item in first.type.fields] in GENERATIONS
    defaults = {item.name: item.default for item in first.type.fields if item.has_default}
    assert defaults == {"timestamp": 0, "derived": schema.full_name.rpartition(".")[2] in DERIVED}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem.rpartition(".")[2])
def test_a_type_and_its_fields_are_documented(path: Path) -> None:
    schema = parse(path.read_text())
    assert all(item.doc for item in schema.fields[1:])
    assert json.loads(schema.text)["doc"].endswith(".")


def test_files_are_written_in_one_way() -> None:
    for path in FILES:
        text = path.read_text()
        assert text == json.dumps(json.loads(text), indent=2, ensure_ascii=False) + "\n", path.name
