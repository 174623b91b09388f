import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promotion.domain.given_schemas import MAX_ID
from promotion.domain.schema_files import MAX_BYTES, MAX_FILES, File, read_files
from promotion.errors import InvalidInput

API = "net.lightapi.portal.market.ApiCreatedEvent"
ROLE = "net.lightapi.portal.role.RoleUpdatedEvent"


def text(full_name: str = API, field: str = "apiId", doc: str = "") -> str:
    namespace, _, name = full_name.rpartition(".")
    fields = [{"name": field, "type": "string"}]
    return json.dumps({"type": "record", "name": name, "namespace": namespace, "doc": doc, "fields": fields})


def avsc(name: str, *args: str, **more: str) -> File:
    return name, text(*args, **more).encode()


def as_json(name: str, value: object) -> File:
    return name, json.dumps(value).encode()


def ids_of(*files: File) -> list[tuple[str, int | None]]:
    return [(each.schema.full_name, each.id) for each in read_files(files).schemas]


def problems(*files: File) -> list[str]:
    with pytest.raises(InvalidInput, match="Nothing was saved") as caught:
        read_files(files)
    return caught.value.problems


@pytest.mark.parametrize(
    ("name", "schema_id"),
    [
        ("7.avsc", 7),
        ("ApiCreatedEvent.7.avsc", 7),
        (f"{API}.2147483647.avsc", MAX_ID),
        ("ApiCreatedEvent.0.AVSC", 0),
        (f"{API}.avsc", None),
        ("whatever.avsc", None),
        ("ApiCreatedEvent.v7.avsc", None),
        ("ApiCreatedEvent.٧.avsc", None),
    ],
)
def test_an_id_stands_in_a_files_name_or_there_is_none(name, schema_id):
    assert ids_of(avsc(name)) == [(API, schema_id)]


@pytest.mark.parametrize("name", ["RoleUpdatedEvent.7.avsc", "release.2024.avsc", f"{ROLE}.7.avsc", ".7.avsc"])
def test_an_id_in_the_name_of_another_type_is_no_id_of_this_one(name):
    (problem,) = problems(avsc(name))
    assert problem == f"{name}: Its name gives an id to another type, and it holds {API}."


def test_ids_come_with_an_object_of_full_names_whatever_the_order():
    ids = as_json("ids.json", {API: 7, ROLE: 9})
    assert ids_of(ids, avsc("a.avsc"), avsc("b.avsc", ROLE)) == [(API, 7), (ROLE, 9)]
    found = read_files([avsc("a.avsc")], [ids])
    assert (found.schemas[0].id, found.ids) == (7, {ROLE: 9})


@pytest.mark.parametrize("wrap", [text, lambda name: json.loads(text(name))], ids=["text", "object"])
def test_a_registrys_export_has_schemas_with_their_ids(wrap):
    entries = [{"id": 7, "schema": wrap(API), "subject": API, "version": 1}, {"id": 9, "schema": wrap(ROLE)}]
    assert ids_of(as_json("export.json", entries)) == [(API, 7), (ROLE, 9)]
    assert ids_of(as_json("export.json", {"7": wrap(API), "9": wrap(ROLE)})) == [(API, 7), (ROLE, 9)]
    # One schema stands under several subjects.
    assert ids_of(as_json("export.json", [*entries, entries[0] | {"subject": "x"}])) == [(API, 7), (ROLE, 9)]


def test_what_no_event_can_have_in_an_export_is_left_out_and_said():
    found = read_files(
        [
            as_json(
                "export.json",
                [
                    {"id": 1, "schema": "syntax = 3", "schemaType": "PROTOBUF"},
                    {"id": 2, "schema": text(), "references": [{"name": "x"}]},
                    {"id": 3, "schema": '"string"'},
                    {"id": 4, "schema": text()},
                ],
            )
        ]
    )
    assert [(each.schema.full_name, each.id) for each in found.schemas] == [("string", 3), (API, 4)]
    assert found.left_out == [
        "export.json: the schema with the id 1 is PROTOBUF, not Avro.",
        "export.json: the schema with the id 2 refers to other schemas.",
    ]


def test_two_files_that_contradict_each_other_are_named():
    assert problems(avsc("7.avsc"), avsc("8.avsc")) == [f"8.avsc: {API} has the id 8, and the same schema 7 in 7.avsc."]
    assert problems(avsc("7.avsc"), avsc("RoleUpdatedEvent.7.avsc", ROLE)) == [
        f"RoleUpdatedEvent.7.avsc: the id 7 of {ROLE} is given to {API} (7.avsc) as well."
    ]
    assert problems(avsc("7.avsc"), as_json("ids.json", {API: 8})) == [
        f"ids.json: {API} has the id 8, and the same schema 7 in 7.avsc."
    ]
    assert problems(avsc("a.avsc"), avsc("b.avsc", field="other"), as_json("ids.json", {API: 8})) == [
        f"ids.json: several schemas of {API} are given: put each id into its file's name."
    ]
    assert problems(as_json("a.json", {API: 8}), as_json("b.json", {API: 9})) == [
        f"b.json: {API} has another id in another file."
    ]
    assert problems(as_json("a.json", {API: 8, ROLE: 8})) == [
        f"ids: the id 8 of {ROLE} is given to {API} (ids) as well."
    ]


def test_versions_of_one_type_each_have_their_id():
    assert ids_of(avsc("7.avsc"), avsc("9.avsc", field="other")) == [(API, 7), (API, 9)]


@pytest.mark.parametrize(
    ("file", "problem"),
    [
        (("a.txt", b""), "neither an .avsc nor a .json"),
        (("", b""), "a file without a name: It is neither"),
        (("a.avsc", b""), "not JSON"),
        (("a.avsc", b"\xff\xfe"), "not UTF-8 text (byte 0)"),
        (("a.avsc", b"[" * 100_000), "nested too deeply"),
        (("a.json", b"[" * 100_000), "nested more than 80 deep"),
        (("a.avsc", b'"string"'), "the schema of a string"),
        (("a.avsc", b'{"type": "record"}'), "has no name"),
        (("9999999999.avsc", text().encode()), "larger than 2,147,483,647"),
        (("a.json", b'{"7": "\\"string\\"", "7": "\\"int\\""}'), "stands twice"),
        (("a.json", b"{}"), "It is no schema"),
        (("a.json", b"7"), "It is no schema"),
        (("a.json", b'{"a.B": true}'), "It is no schema"),
        (("a.json", b'{"a.B": -1}'), "The id of a.B is not a number from 0"),
        (("a.json", b'{"a.B": 1.5}'), "It is no schema"),
        (("a.json", b'[{"id": "7", "schema": "{}"}]'), "entry 1: It is not an object with a schema and an id"),
        (("a.json", b'[{"id": true, "schema": "{}"}]'), "entry 1: It is not an object with a schema and an id"),
        (("a.json", b"[[7]]"), "entry 1: It is not an object"),
        (("a.json", b'{"7": 7.5}'), "entry 7: "),
        (("<script>\n\u202e.avsc", b"{"), "<script>\\n\\u202e.avsc: "),
        (("x" * 5_000 + ".avsc", b"{"), "x: The schema is not JSON"),
    ],
)
def test_a_hostile_file_is_named_and_nothing_of_it_is_taken(file, problem):
    (said,) = problems(file)
    assert problem in said
    assert len(said) < 400
    assert said.isprintable()


def test_all_problems_are_told_at_once():
    assert [each.partition(":")[0] for each in problems(("a.txt", b""), ("b.avsc", b"{"), avsc("c.avsc"))] == [
        "a.txt",
        "b.avsc",
    ]


def test_too_many_files_and_too_many_bytes_are_refused_before_they_are_read():
    with pytest.raises(InvalidInput, match="more than 1,000 files"):
        read_files(("x.txt", b"") for _ in range(MAX_FILES + 1))
    with pytest.raises(InvalidInput, match="bytes together"):
        read_files([("x.txt", b" " * MAX_BYTES), ("y.txt", b" ")])


NAMES = st.sampled_from([f"a.b.{name}Event" for name in "ABCDEFGH"])


@given(st.dictionaries(NAMES, st.integers(0, MAX_ID), max_size=8), st.data())
def test_whatever_the_form_the_ids_are_those_that_were_given(wanted, data):
    """Different ids in any mixture of the ways to give them come out as they went in; equal ones are refused."""
    files, ids = [], {}
    for name, schema_id in wanted.items():
        match data.draw(st.sampled_from(["file", "ids", "export", "map"])):
            case "file":
                files.append(avsc(f"{name}.{schema_id}.avsc", name))
            case "ids":
                files.append(avsc(f"{name}.avsc", name))
                ids[name] = schema_id
            case "export":
                files.append(as_json(f"{name}.json", [{"id": schema_id, "schema": text(name)}]))
            case "map":
                files.append(as_json(f"{name}.json", {str(schema_id): text(name)}))
    files += [as_json("ids.json", ids)] if ids else []
    given_files = data.draw(st.permutations(files))
    if len(set(wanted.values())) == len(wanted):
        assert dict(ids_of(*given_files)) == wanted
    else:
        assert problems(*given_files)
