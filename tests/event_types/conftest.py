"""A small catalogue in a directory of the test's own."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

API = "net.lightapi.portal.market.ApiRuleCreatedEvent"
ORDER = "net.lightapi.portal.market.OrderCreatedEvent"
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes the schema of a full name into the catalogue; `doc` makes another text of it."""

    from tests.cast import schema_text  # models cannot be imported before Django is set up

    def write(full_name: str, doc: str = "") -> Path:
        path = tmp_path / f"{full_name}.avsc"
        path.write_text(json.dumps({**json.loads(schema_text(full_name)), "doc": doc}))
        return path

    return write


@pytest.fixture
def catalogue(write: Write, tmp_path: Path) -> Path:
    """Two types: one is proposed as configurable, the other as transactional."""
    write(API)
    write(ORDER)
    return tmp_path
