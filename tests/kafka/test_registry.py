import base64
import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from uuid import UUID

import pytest
from fastavro.schema import to_parsing_canonical_form

from promotion.domain.connection import RegistryAuth, RegistryConnection
from promotion.errors import InvalidInput, NotFound, PromotionError, Refused, Unreachable
from promotion.kafka import bounded_response
from promotion.kafka.failures import AuthenticationFailed, NotAuthorized, TlsFailed
from promotion.kafka.registry import Compatibility, LatestSchema, Registry, registry_url
from tests.kafka.test_settings import issue
from tests.services import unique


def schema(name: str, *fields: str, **more: str) -> str:
    first = {"name": "a", "type": "string"} | more
    return json.dumps(
        {"type": "record", "name": name, "fields": [first, *({"name": f, "type": "long"} for f in fields)]}
    )


@pytest.fixture
def registry(registry_connection: RegistryConnection) -> Iterator[Registry]:
    with Registry(registry_connection) as registry:
        yield registry


@pytest.fixture
def subject() -> str:
    return unique("net.lightapi.portal.test.Registry").replace("-", "_")


def test_a_registered_schema_is_found_under_its_subject_only(registry: Registry, subject: str) -> None:
    text = schema(subject, doc="as it stands", default="x")
    schema_id = registry.register(subject, text)
    assert registry.register(subject, text) == schema_id
    assert registry.lookup(subject, text) == schema_id
    # A registry may write the same schema in another way, such as the namespace apart from the name.
    canonical = [to_parsing_canonical_form(json.loads(t)) for t in (registry.schema_by_id(schema_id), text)]
    assert canonical[0] == canonical[1]
    assert registry.latest(subject) == LatestSchema(schema_id, 1, registry.schema_by_id(schema_id))
    assert registry.subject_exists(subject)
    other = unique("other")
    assert registry.lookup(other, text) is None
    assert registry.latest(other) is None
    assert not registry.subject_exists(other)


def test_another_version_is_not_the_exact_schema(registry: Registry, subject: str) -> None:
    first = registry.register(subject, schema(subject))
    assert registry.lookup(subject, schema(subject, "b")) is None
    second = registry.register(subject, schema(subject, "b"))
    latest = registry.latest(subject)
    assert latest is not None
    assert (latest.id, latest.version) == (second, 2)
    assert registry.lookup(subject, schema(subject)) == first != second


def test_the_latest_is_not_remembered(
    registry: Registry, registry_connection: RegistryConnection, subject: str
) -> None:
    registry.register(subject, schema(subject))
    assert registry.latest(subject) is not None
    with Registry(registry_connection) as somebody_else:
        second = somebody_else.register(subject, schema(subject, "b"))
    latest = registry.latest(subject)
    assert latest is not None
    assert latest.id == second


def test_an_unknown_id_and_guid_are_not_found(registry: Registry) -> None:
    with pytest.raises(NotFound, match="99999999"):
        registry.schema_by_id(99_999_999)
    with pytest.raises(NotFound):
        registry.schema_by_guid(UUID(int=5))


def test_compatibility_is_judged_by_the_level(registry: Registry, subject: str) -> None:
    assert registry.compatible(subject, schema(subject)).compatible is None
    registry.register(subject, schema(subject))
    assert registry.compatible(subject, schema(subject, "b")) == Compatibility(True, "NONE")
    registry._client.set_compatibility(subject, "BACKWARD")
    assert registry.compatibility_level(subject) == "BACKWARD"
    verdict = registry.compatible(subject, schema(subject, "b"))
    assert (verdict.compatible, verdict.level) == (False, "BACKWARD")
    assert registry.compatible(subject, schema(subject, doc="new")).compatible
    with pytest.raises(Refused, match=r"409"):
        registry.register(subject, schema(subject, "b"))


def test_what_is_no_avro_schema_is_refused(registry: Registry, subject: str) -> None:
    with pytest.raises(PromotionError):
        registry.register(subject, '{"type": "nonsense"}')


def test_a_ping_counts_subjects_and_reads_the_level(registry: Registry, subject: str) -> None:
    registry.register(subject, schema(subject))
    facts = registry.ping()
    assert facts.subjects >= 1
    assert facts.level == "NONE"


Answer = tuple[int, dict[str, str], Iterator[bytes] | bytes]


class Odd:
    """A small HTTP server that gives one answer to everything and remembers the headers it was sent."""

    def __init__(self) -> None:
        self.answer: Callable[[], Answer] = lambda: (200, {}, b"[]")
        self.asked: list[tuple[str, dict[str, str]]] = []
        odd = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                odd.asked.append((self.path, dict(self.headers)))
                status, headers, body = odd.answer()
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                try:
                    for piece in [body] if isinstance(body, bytes) else body:
                        self.wfile.write(piece)
                except OSError:
                    pass

            do_POST = do_GET

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/base"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def odd() -> Iterator[Odd]:
    server = Odd()
    yield server
    server.close()


@pytest.mark.parametrize(("status", "kind"), [(401, AuthenticationFailed), (403, NotAuthorized), (500, Unreachable)])
def test_a_refusal_is_told_apart_and_holds_no_secret(odd: Odd, status: int, kind: type[PromotionError]) -> None:
    connection = RegistryConnection(odd.url, RegistryAuth.BASIC, "alice", "top-secret")
    odd.answer = lambda: (status, {}, json.dumps({"error_code": status, "message": "no: top-secret\n"}).encode())
    with Registry(connection, timeout=2) as registry, pytest.raises(kind) as caught:
        registry.ping()
    assert "top-secret" not in str(caught.value)
    expected = base64.b64encode(b"alice:top-secret").decode()
    assert odd.asked[0][1]["Authorization"] == f"Basic {expected}"
    assert odd.asked[0][0] == "/base/subjects"


def test_a_bearer_token_is_sent_as_it_stands(odd: Odd) -> None:
    odd.answer = lambda: (401, {}, b"the token was a-token")
    with Registry(RegistryConnection(odd.url, RegistryAuth.BEARER, token="a-token")) as registry:
        with pytest.raises(AuthenticationFailed) as caught:
            registry.subject_exists("a/b")
        assert "a-token" not in str(caught.value)
    path, headers = odd.asked[0]
    assert headers["Authorization"] == "Bearer a-token"
    assert path.partition("?")[0] == "/base/subjects/a%2Fb/versions"


def test_a_redirect_is_not_followed(odd: Odd) -> None:
    odd.answer = lambda: (302, {"Location": "http://169.254.169.254/"}, b"")
    with Registry(RegistryConnection(odd.url)) as registry, pytest.raises(Refused, match="redirect"):
        registry.ping()
    assert len(odd.asked) == 1


def test_an_endless_answer_is_cut(odd: Odd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded_response, "MAX_RESPONSE_BYTES", 100_000)
    odd.answer = lambda: (200, {}, (b"x" * 10_000 for _ in range(10_000)))
    with Registry(RegistryConnection(odd.url)) as registry, pytest.raises(Refused, match="an answer of more than"):
        registry.ping()


def test_a_compressed_answer_is_not_unpacked(odd: Odd) -> None:
    odd.answer = lambda: (200, {"Content-Encoding": "gzip"}, b"\x1f\x8b")
    with Registry(RegistryConnection(odd.url)) as registry, pytest.raises(Refused):
        registry.ping()


def test_an_answer_in_drops_is_cut_after_the_timeout(odd: Odd) -> None:
    def drops() -> Iterator[bytes]:
        ready = threading.Event()
        while not ready.wait(0.1):
            yield b" "

    odd.answer = lambda: (200, {}, drops())
    began = time.monotonic()
    with Registry(RegistryConnection(odd.url), timeout=0.5) as registry, pytest.raises(Unreachable):
        registry.ping()
    assert time.monotonic() - began < 4


@pytest.mark.parametrize("body", [b"<html>", b"[", b"null", b"{}", b"7", b'{"subjects": 1}'])
def test_an_answer_of_something_else_is_no_registrys(odd: Odd, body: bytes) -> None:
    odd.answer = lambda: (200, {}, body)
    with Registry(RegistryConnection(odd.url)) as registry:
        for ask in (registry.ping, lambda: registry.schema_by_id(1), lambda: registry.latest("s")):
            with pytest.raises(PromotionError):
                ask()


@pytest.mark.parametrize(
    "answer",
    [
        {"schemaType": "PROTOBUF", "schema": "message A {}"},
        {"schemaType": "AVRO", "schema": "{}", "references": [{"name": "a", "subject": "a", "version": 1}]},
    ],
)
def test_a_schema_that_is_not_self_contained_avro_is_refused(odd: Odd, answer: dict[str, object]) -> None:
    odd.answer = lambda: (200, {}, json.dumps(answer).encode())
    with Registry(RegistryConnection(odd.url)) as registry, pytest.raises(InvalidInput, match="schema 5"):
        registry.schema_by_id(5)


def test_an_id_that_names_another_schema_is_not_used(odd: Odd) -> None:
    answer = {"id": 5, "subject": "s", "version": 1, "schema": schema("Other")}
    odd.answer = lambda: (200, {}, json.dumps(answer).encode())
    with Registry(RegistryConnection(odd.url)) as registry:
        assert registry.lookup("s", schema("Mine")) is None
        with pytest.raises(Refused, match="names another one"):
            registry.register("s", schema("Mine"))


def test_a_registry_that_is_not_there_is_unreachable(registry_connection: RegistryConnection) -> None:
    with Registry(RegistryConnection("http://127.0.0.1:1")) as registry, pytest.raises(Unreachable, match="refused"):
        registry.ping()
    certificate, _ = issue()
    url = registry_connection.url.replace("http:", "https:")
    with Registry(RegistryConnection(url, ca_pem=certificate)) as registry, pytest.raises(TlsFailed):
        registry.ping()


@pytest.mark.parametrize(
    "url",
    ["", "mock://a", "file:///etc/passwd", "http://", "http://a,http://b", "http://u:p@a", "http://a?b", "a:8081"],
)
def test_what_is_not_one_plain_address_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput, match="URL"):
        registry_url(url)


@pytest.mark.parametrize(
    "connection",
    [
        RegistryConnection("http://a", RegistryAuth.BASIC, "a:b", "top-secret"),
        RegistryConnection("http://a", RegistryAuth.BASIC, "", "top-secret"),
        RegistryConnection("http://a", RegistryAuth.BEARER, token="top-secret\r\nX: y"),
    ],
)
def test_credentials_that_cannot_be_sent_are_refused_without_being_said(connection: RegistryConnection) -> None:
    with pytest.raises(InvalidInput) as caught:
        Registry(connection)
    assert "top-secret" not in str(caught.value)
