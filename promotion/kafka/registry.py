"""The schema registry over its Confluent-compatible paths: look up, compare, register; nothing is normalised.

confluent_kafka's client does the talking. It has no time-out and no bound of its own, and keeps "latest" for ever:
all three are set here. It follows no redirect, so credentials stay with the address that was given.
"""

import json
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import quote, urlsplit
from uuid import UUID

from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.schema_registry.common._httpx_compat import httpx
from confluent_kafka.schema_registry.error import SchemaRegistryError
from fastavro.schema import SchemaParseException, to_parsing_canonical_form

from promotion.domain.connection import RegistryAuth, RegistryConnection
from promotion.errors import InvalidInput, NotFound, PromotionError, Refused, Unreachable
from promotion.kafka.bounded_response import MAX_RESPONSE_BYTES, ResponseTooLarge, bound_responses
from promotion.kafka.failures import AuthenticationFailed, NotAuthorized, TlsFailed, clean
from promotion.kafka.settings import MAX_TEXT, certificates_pem

T = TypeVar("T")
NO_SUBJECT, NO_SCHEMA = 40401, 40403


@dataclass(frozen=True, slots=True)
class RegistryFacts:
    """How many subjects a registry has, and its global compatibility level such as BACKWARD or NONE."""

    subjects: int
    level: str


@dataclass(frozen=True, slots=True)
class LatestSchema:
    """A subject's latest version; `text` is the schema as it was registered."""

    id: int
    version: int
    text: str


@dataclass(frozen=True, slots=True)
class Compatibility:
    """Whether a subject would take a schema, under its `level`. None: there is no such subject yet."""

    compatible: bool | None
    level: str
    messages: tuple[str, ...] = ()


class Registry:
    """A schema registry. `timeout` bounds each request in seconds. Use it in the process that made it.

    Every method raises Unreachable (TlsFailed), AuthenticationFailed, NotAuthorized or, where the registry refuses
    for a reason of its own, Refused; none of them holds a secret.
    """

    #: What it does not know can be registered: see `Schemas` in promotion/actions/schema_source.py.
    registers = True

    def __init__(self, connection: RegistryConnection, timeout: float = 5.0) -> None:
        self._url = registry_url(connection.url)
        self._secrets = tuple(s for s in (connection.password, connection.token) if s)
        self._client = _client(connection, self._url, timeout)
        self._rest = self._client._rest_client  # its `session` and the plain requests are wanted, and have no other way

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def ping(self) -> RegistryFacts:
        """Return what tells that the registry is there and lets us in."""
        with self._explaining("listing the subjects"):
            subjects = self._rest.get("subjects")
            if not isinstance(subjects, list):
                raise TypeError
            return RegistryFacts(len(subjects), self.compatibility_level(None))

    def schema_by_id(self, schema_id: int) -> str:
        """Return the text of the Avro schema with this id. NotFound where there is none, InvalidInput if not Avro."""
        with self._explaining(f"fetching schema {schema_id}"):
            schema = self._found(lambda: self._client.get_schema(schema_id))
        return _avro_text(schema, f"schema {schema_id}")

    def schema_by_guid(self, guid: UUID) -> str:
        """Return the text of the Avro schema with this GUID, as the header `__value_schema_id` names it."""
        with self._explaining(f"fetching schema {guid}"):
            schema = self._found(lambda: self._client.get_schema_by_guid(str(guid)))
        return _avro_text(schema, f"schema {guid}")

    def subject_exists(self, subject: str) -> bool:
        """Say whether `subject` has any version."""
        with self._explaining(f"looking for subject {subject}"):
            return self._found(lambda: self._client.get_versions(subject)) is not None

    def latest(self, subject: str) -> LatestSchema | None:
        """Return the subject's latest version as it is now, None where there is no such subject."""
        self._client.clear_latest_caches()  # type: ignore[no-untyped-call]
        with self._explaining(f"fetching the latest schema of {subject}"):
            found = self._found(lambda: self._client.get_latest_version(subject))
            if found is None:
                return None
            if found.schema_id is None or found.version is None:
                raise ValueError
        return LatestSchema(found.schema_id, found.version, _avro_text(found.schema, f"the latest schema of {subject}"))

    def lookup(self, subject: str, schema_text: str) -> int | None:
        """Return the id of exactly this schema under `subject`, None where the subject or the schema is not there.

        The subject is looked up first, since not every registry keeps the two cases apart.
        """
        if not self.subject_exists(subject):
            return None
        with self._explaining(f"looking for a schema under {subject}"):
            found = self._found(lambda: self._client.lookup_schema(subject, Schema(schema_text, "AVRO")))
        if found is None or found.schema_id is None or not self._is(found.schema_id, schema_text):
            return None
        return found.schema_id

    def register(self, subject: str, schema_text: str) -> int:
        """Register `schema_text` under `subject` as it stands and return its id; the same schema keeps its id.

        Raises Refused where the subject's compatibility forbids it, or where the id names another schema afterwards.
        """
        with self._explaining(f"registering a schema under {subject}"):
            schema_id = self._client.register_schema(subject, Schema(schema_text, "AVRO"), normalize_schemas=False)
        if not self._is(schema_id, schema_text):
            raise Refused(
                f"The registry {self._url} gave id {schema_id} to a schema of {subject}, but it names another one.",
                "Nothing was produced. Compare the two schemas in the registry.",
            )
        return schema_id

    def compatibility_level(self, subject: str | None) -> str:
        """Return the level of `subject`, or the global one for None and for a subject without a level of its own."""
        with self._explaining("reading the compatibility level"):
            level = self._found(lambda: self._client.get_compatibility(subject)) if subject is not None else None
            return level or str(self._client.get_compatibility())

    def compatible(self, subject: str, schema_text: str) -> Compatibility:
        """Say whether `subject` would take `schema_text`, with the registry's reasons if it would not.

        The level decides: under NONE everything is taken, whatever the registry's test says; and an absent subject
        tests as compatible, which is told apart here.
        """
        level = self.compatibility_level(subject)
        if not self.subject_exists(subject):
            return Compatibility(None, level)
        if level == "NONE":
            return Compatibility(True, level)
        path = f"compatibility/subjects/{quote(subject, safe='')}/versions/latest?verbose=true"
        with self._explaining(f"testing a schema against {subject}"):
            answer = self._rest.post(path, body=Schema(schema_text, "AVRO").to_dict())
        messages = tuple(clean(str(m), self._secrets) for m in (answer.get("messages") or ())[:20])
        return Compatibility(bool(answer["is_compatible"]), level, messages)

    def _is(self, schema_id: int, schema_text: str) -> bool:
        """Say whether `schema_id` names the schema `schema_text`: the same to a decoder, whatever its docs say."""
        return _canonical(self.schema_by_id(schema_id)) == _canonical(schema_text)

    def _found(self, ask: Callable[[], T]) -> T | None:
        try:
            return ask()
        except SchemaRegistryError as failure:
            if failure.http_status_code == 404:
                return None
            raise

    @contextmanager
    def _explaining(self, doing: str) -> Iterator[None]:
        try:
            yield
        except SchemaRegistryError as failure:
            raise self._explained(failure, doing) from None
        except ResponseTooLarge:
            raise Refused(
                f"{self._url}: an answer of more than {MAX_RESPONSE_BYTES} bytes while {doing}.", "Is it a registry?"
            ) from None
        except httpx.HTTPError as failure:
            reason = clean(str(failure) or type(failure).__name__, self._secrets)
            kind = TlsFailed if "SSL" in reason or "certificate" in reason else Unreachable
            raise kind(
                f"{self._url}: no answer while {doing}: {reason}", "Check the address and that it runs."
            ) from None
        except (ValueError, TypeError, KeyError, AttributeError):
            raise Unreachable(f"{self._url}: not a registry's answer while {doing}.", "Check the address.") from None

    def _explained(self, failure: SchemaRegistryError, doing: str) -> PromotionError:
        status, reason = failure.http_status_code, clean(str(failure.error_message), self._secrets)
        if status == 401:
            return AuthenticationFailed(f"{self._url}: authentication failed (401).", "Check user, password or token.")
        if status == 403:
            return NotAuthorized(f"{self._url}: not authorised while {doing} (403).", "Ask its administrator.")
        if 300 <= status < 400:
            return Refused(f"{self._url}: answers with a redirect ({status}).", "Give the registry's own address.")
        if status >= 500 or status in (408, 429):
            return Unreachable(f"{self._url}: failed while {doing} ({status}): {reason}", "Try again later.")
        return Refused(f"{self._url}: refused while {doing} ({status}): {reason}", "See the registry's reason.")


def registry_url(url: str) -> str:
    """Return `url` without a trailing slash; InvalidInput unless it is one plain http or https address."""
    parts = urlsplit(url) if re.fullmatch(r"https?://[A-Za-z0-9._~:/%\[\]-]{1,500}", url) else None
    if parts is None or not parts.hostname:
        raise InvalidInput(
            "The registry's URL is not an http or https address.",
            "Write it without user name, query or fragment, for example https://registry.example.org:8081.",
        )
    return url.rstrip("/")


def _client(connection: RegistryConnection, url: str, timeout: float) -> SchemaRegistryClient:
    conf: dict[str, Any] = {"url": url, "timeout": timeout, "max.retries": 1, "retries.wait.ms": 200}
    if connection.auth is RegistryAuth.BASIC:
        conf["basic.auth.user.info"] = f"{_header_text(connection.username, ':')}:{_header_text(connection.password)}"
    if url.startswith("http://"):  # nothing to verify, and redirects are not followed: loading certificates takes 60 ms
        conf["ssl.ca.location"] = False
    with _ca_file(connection.ca_pem) as path:
        client = SchemaRegistryClient(conf | ({"ssl.ca.location": path} if path else {}))
    session = client._rest_client.session
    bound_responses(session, timeout)
    if connection.auth is RegistryAuth.BEARER:
        # Not by the client's own setting: that one insists on the header of a certain vendor's cloud.
        session.headers["Authorization"] = f"Bearer {_header_text(connection.token)}"
    return client


@contextmanager
def _ca_file(pem: str) -> Iterator[str | None]:
    """Yield the path of a private file with the certificates: the client reads it once, when it is made."""
    if not pem:
        yield None
        return
    text = certificates_pem("registry's CA certificate", pem)
    handle, path = tempfile.mkstemp(prefix="promotion-ca-", suffix=".pem")  # mode 0600
    try:
        with os.fdopen(handle, "w") as file:
            file.write(text)
        yield path
    finally:
        os.unlink(path)


def _header_text(text: str, forbidden: str = "") -> str:
    if not text or len(text) > 8 * MAX_TEXT or any(ord(c) < 32 or ord(c) == 127 or c in forbidden for c in text):
        raise InvalidInput(
            "The registry's user name, password or token is missing or holds characters that it may not.",
            "Give it again; a user name has no colon.",
        )
    return text


def _avro_text(schema: Schema | None, name: str) -> str:
    if schema is None or schema.schema_str is None:
        raise NotFound(f"The registry has no {name}.", "Is it the registry that belongs to this topic?")
    if (schema.schema_type or "AVRO") != "AVRO":
        raise InvalidInput(f"In the registry {name} is {schema.schema_type}, not Avro.", "Only Avro events travel.")
    if schema.references:
        raise InvalidInput(f"In the registry {name} refers to other schemas.", "Register it self-contained.")
    return schema.schema_str


def _canonical(text: str) -> str:
    """Return Avro's parsing canonical form: what decides how bytes are read, without docs, defaults and order."""
    try:
        return to_parsing_canonical_form(json.loads(text))
    except (ValueError, SchemaParseException, RecursionError) as error:
        raise InvalidInput("The schema is not a valid Avro schema.", "Check its text.") from error
