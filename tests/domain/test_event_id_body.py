import json

from hypothesis import given
from hypothesis import strategies as st

from promotion.domain.decode import read
from promotion.domain.event_id_body import Spans, patched, read_event_id, spans
from promotion.domain.json_codec import from_json_value
from promotion.domain.schema import parse
from tests.domain.strategies import LONGS, TEXTS, data
from tests.replay.stage import schema

NONCES = st.integers(1, 2**63 - 1)


def body_of(made, generation, nonce, timestamp, text):
    event_id = {"id": text, "nonce": nonce, "timestamp": timestamp, "derived": False}
    if generation == "later":
        event_id |= {"userId": "u", "hostId": "h"}
    return from_json_value(made, {"EventId": event_id, "hostId": text, "size": nonce})


def event_schema(generation):
    return schema(
        "net.lightapi.portal.t.ThingCreatedEvent", ("hostId", "string"), ("size", "long"), generation=generation
    )


@given(st.sampled_from(["document", "later"]), LONGS, LONGS, TEXTS, NONCES, st.none() | NONCES)
def test_only_the_number_that_is_set_changes(generation, nonce, timestamp, text, new_nonce, new_timestamp):
    made = event_schema(generation)
    body = body_of(made, generation, nonce, timestamp, text)
    changed = patched(body, spans(made, body), new_nonce, new_timestamp)
    tree = read(made, body)
    tree["EventId"]["nonce"] = new_nonce
    if new_timestamp is not None:
        tree["EventId"]["timestamp"] = new_timestamp
    assert read(made, changed) == tree
    assert patched(changed, spans(made, changed), nonce, timestamp) == body


@given(data())
def test_a_record_without_an_event_id_has_nothing_to_patch(datum):
    assert spans(datum.schema, datum.body) == Spans()
    assert patched(datum.body, Spans(), 1, 2) == datum.body
    assert read_event_id(datum.schema, datum.body) == {}


def test_event_id_is_read_without_looking_behind_it():
    made = event_schema("later")
    body = body_of(made, "later", 5, 6, "x")
    event_id = read_event_id(made, body[: spans(made, body).timestamp[1] + 1])["EventId"]
    assert (event_id["nonce"], event_id["userId"]) == (5, "u")


def test_the_early_generation_has_no_timestamp_to_set():
    text = {"type": "record", "name": "E", "fields": [
        {"name": "EventId", "type": {"type": "record", "name": "EventId", "fields": [
            {"name": "id", "type": "string"}, {"name": "nonce", "type": "long"}]}}]}  # fmt: skip
    made = parse(json.dumps(text))
    body = from_json_value(made, {"EventId": {"id": "u", "nonce": 3}})
    assert spans(made, body).timestamp is None
    assert read(made, patched(body, spans(made, body), 4, 9)) == {"EventId": {"id": "u", "nonce": 4}}
