"""The catalogue's pages."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from promotion.models import EventType, Export, ExportCount, ExportPartition
from promotion.states import Decision, Disposition
from tests import cast
from tests.event_types.conftest import API, ORDER

pytestmark = pytest.mark.django_db
LIST = "/event-types/"
HOSTILE = '<script>alert("x")</script>'


@pytest.fixture
def curator(client: Client) -> Client:
    client.force_login(cast.user("curator"))
    return client


def names(response: Any) -> list[str]:
    return [each.full_name for each, _ in response.context["rows"]]


def seen(environment: str, counts: dict[str, int], *, finished: bool = True) -> None:
    """An export from `environment` that read so many records of each type, in two partitions."""
    source, target = cast.environment(environment), cast.environment("prod", order=90)
    made = Export.objects.create(promotion=cast.promotion(source=source, target=target), cluster_id="c", topic="t")
    if finished:
        Export.objects.filter(pk=made.pk).update(finished_at=made.pinned_at)
    for number in range(2):
        partition = ExportPartition.objects.create(export=made, partition=number, start=0, end=9, position=9)
        for name, count in counts.items():
            halves = {Disposition.KEPT: 1, Disposition.FILTERED: count - 1} if number == 0 else {}
            for disposition, part in halves.items():
                ExportCount.objects.create(partition=partition, disposition=disposition, type_name=name, count=part)
        ExportCount.objects.create(partition=partition, disposition=Disposition.QUARANTINED, count=3)


def decide(client: Client, **values: Any) -> Any:
    return client.post(f"{LIST}decide/", {"names": [API], "decision": "promotable", "reason": "Agreed.", **values})


def test_undecided_types_are_on_top_and_then_by_name(curator: Client) -> None:
    for name, decision in (("a.A", Decision.PROMOTABLE), ("a.C", Decision.UNDECIDED), ("a.B", Decision.UNDECIDED)):
        cast.event_type(name, decision)
    assert names(curator.get(LIST)) == ["a.B", "a.C", "a.A"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"q": "apirule"}, [API]),
        ({"q": "For this"}, [API]),
        ({"decision": "promotable"}, [API]),
        ({"category": "transactional"}, [ORDER]),
        ({"aggregate": "Order"}, [ORDER]),
        ({"action": "Created"}, [ORDER, API]),
        ({"namespace": "net.lightapi.portal.market", "decision": "undecided"}, [ORDER]),
        ({"met": "dev"}, [ORDER]),
        ({"met": "sit"}, []),
        ({"catalogue": "no"}, [ORDER]),
        ({"catalogue": "yes"}, [API]),
        ({"q": "100%_\\"}, []),
        ({"namespace": "no.such"}, [ORDER, API]),
    ],
)
def test_the_url_filters(curator: Client, query: dict[str, str], found: list[str]) -> None:
    cast.event_type(API, Decision.PROMOTABLE)
    cast.event_type(ORDER, category="transactional", in_catalogue=False)
    cast.environment("sit")
    seen("dev", {ORDER: 5})
    assert names(curator.get(LIST, query)) == found


def test_a_row_tells_how_often_a_type_was_met_in_the_newest_export_of_each_environment(curator: Client) -> None:
    cast.event_type(API)
    seen("dev", {API: 70})
    seen("dev", {API: 1_234_567})
    seen("dev", {API: 2}, finished=False)
    seen("sit", {API: 9}, finished=False)
    assert ExportCount.objects.sightings() == {API: {"dev": 1_234_567, "sit": 9}}
    assert "dev <b>1,234,567</b>" in curator.get(LIST).content.decode()


def test_many_types_cost_no_more_queries_than_one(curator: Client, django_assert_max_num_queries: Any) -> None:
    for number in range(60):
        cast.event_type(f"a.Type{number:02}CreatedEvent", Decision.PROMOTABLE)
    seen("dev", {f"a.Type{number:02}CreatedEvent": 5 for number in range(60)})
    with django_assert_max_num_queries(12):
        assert len(names(curator.get(LIST))) == 60


def test_ticked_types_are_decided_and_the_filter_is_kept(curator: Client) -> None:
    for name in (API, ORDER):
        cast.event_type(name)
    response = decide(curator, names=[API, ORDER], query="action=Created&q=%26x")
    assert response.url == f"{LIST}?action=Created&q=%26x"
    assert EventType.objects.promotable().count() == 2
    assert "2 event types: promotable." in curator.get(LIST).content.decode()


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"reason": " "}, "A decision needs a reason"),
        ({"names": []}, "Select at least one event type."),
        ({"decision": "yes"}, "Select a valid choice"),
        ({"names": ["\0"]}, "Select a valid choice"),
    ],
)
def test_a_decision_that_lacks_something_comes_back_as_it_was(
    curator: Client, wrong: dict[str, Any], says: str
) -> None:
    cast.event_type(API)
    cast.event_type(ORDER)
    response = decide(curator, **{"reason": "A long text.", "query": "q=ApiRule", **wrong})
    page = response.content.decode()
    assert response.status_code == 422
    assert says in page
    assert names(response) == [API]
    assert ("A long text." in page) == ("reason" not in wrong)
    assert ("checked>" in page) == ("names" not in wrong)
    assert not EventType.objects.promotable().exists()


def test_unknown_types_are_named(curator: Client) -> None:
    response = decide(curator, names=["no.Such"])
    assert response.status_code == 404
    assert "no.Such" in response.content.decode()


def test_a_viewer_sees_types_without_forms(client: Client) -> None:
    cast.event_type(API)
    client.force_login(cast.user("viewer"))
    for url in (LIST, f"{LIST}{API}/"):
        page = client.get(url).content.decode()
        assert API in page
        assert "event-types/decide/" not in page
    assert decide(client).status_code == 403


def test_a_type_shows_its_fields_sightings_and_the_history_of_decisions(curator: Client) -> None:
    field = '{"name": "apiName", "type": ["null", "string"], "default": null, "doc": "What it is called."}'
    api = cast.event_type(API, schema=cast.store_schema(cast.schema_text(API, field)))
    cast.decide(api, Decision.PROMOTABLE, "First.")
    cast.decide(api, Decision.NOT_PROMOTABLE, "Then not.")
    seen("dev", {API: 42})
    page = curator.get(f"{LIST}{API}/").content.decode()
    for text in ("apiName", "one of null, string", "null", "What it is called.", "First.", "Then not.", "<b>42</b>"):
        assert text in page
    assert api.schema.fingerprint in page


def test_a_type_is_decided_on_its_own_page(curator: Client) -> None:
    cast.event_type(API)
    assert decide(curator, detail=API).url == reverse("promotion:event_type", args=[API])
    refused = decide(curator, detail=API, reason="")
    assert refused.status_code == 422
    assert "A decision needs a reason" in refused.content.decode()


def test_what_a_foreign_registry_and_a_curator_wrote_is_shown_as_text(curator: Client) -> None:
    name = "evil.Type"
    text = cast.schema_text(
        name, f'{{"name": "a", "type": "string", "doc": {HOSTILE.replace(chr(34), "")!r}}}'.replace("'", '"')
    )
    cast.decide(cast.event_type(name, schema=cast.store_schema(text)), Decision.PROMOTABLE, HOSTILE)
    for url in (LIST, f"{LIST}{name}/"):
        assert "<script>alert" not in curator.get(url).content.decode()


@pytest.mark.parametrize("name", ["no.Such", "%00", "%27%3B--"])
def test_a_type_that_is_not_there_is_a_404(curator: Client, name: str) -> None:
    assert curator.get(f"{LIST}{name}/").status_code == 404


def test_undecided_types_that_were_really_met_come_first(curator: Client) -> None:
    met, decided = "net.lightapi.portal.zoo.ZebraCreatedEvent", "net.a.AntCreatedEvent"
    cast.event_type("net.a.ApeCreatedEvent")
    cast.event_type(met)
    cast.event_type(decided, Decision.PROMOTABLE)
    seen("dev", {met: 3, decided: 5})
    shown = [name for name in names(curator.get(LIST)) if name in {met, decided, "net.a.ApeCreatedEvent"}]
    assert shown == [met, "net.a.ApeCreatedEvent", decided]
