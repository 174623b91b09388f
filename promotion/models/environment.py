"""Environments: where events come from and go to, and the drafts that are tested before they are saved."""

from __future__ import annotations

import uuid
from typing import Any

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.urls import reverse

from promotion.domain.connection import RegistryAuth, Security, SubjectStrategy
from promotion.domain.keys import Tenancy

COLORS = ["blue", "green", "amber", "red", "violet", "teal", "grey"]
NAME = RegexValidator(r"^[a-z0-9][a-z0-9-]{0,39}\Z", "Use lower case letters, digits and hyphens, at most 40.")


class ConsumersRead(models.TextChoices):
    """What the consumers of an environment's topic read: uncommitted readers see aborted records."""

    COMMITTED = "committed", "committed records only"
    UNCOMMITTED = "uncommitted", "uncommitted records too"


def choices(enum: Any) -> list[tuple[str, str]]:
    """Return (value, label) for each member of a plain `StrEnum`."""
    return [(member.value, member.value.replace("_", " ")) for member in enum]


class SchemaSource(models.TextChoices):
    """Where the schemas of an environment's records are known from."""

    REGISTRY = "registry", "a schema registry"
    SET = "set", "schemas given here"


class EnvironmentQuerySet(models.QuerySet["Environment"]):
    """Queries over environments."""

    def sources(self) -> EnvironmentQuerySet:
        """Environments that may be promoted from."""
        return self.filter(may_be_source=True)

    def targets(self) -> EnvironmentQuerySet:
        """Environments that may be promoted to."""
        return self.filter(may_be_target=True)


class Environment(models.Model):
    """One topic on one cluster with one registry. `secrets` is encrypted; see promotion/actions/secrets.py."""

    name = models.CharField(max_length=40, unique=True, validators=[NAME])
    order = models.PositiveSmallIntegerField(default=0, help_text="Position in the pipeline: dev 10, sit 20 ...")
    color = models.CharField(max_length=10, choices=[(c, c) for c in COLORS], default="blue")
    protected = models.BooleanField(default=False, help_text="Nobody acts alone on a protected environment.")
    approvers = models.PositiveSmallIntegerField(
        default=1, help_text="How many people must approve a plan for it, if it is protected."
    )
    may_be_source = models.BooleanField("may be a source", default=True)
    may_be_target = models.BooleanField("may be a target", default=False)

    bootstrap_servers = models.CharField(max_length=500, help_text="host:port, comma separated.")
    security = models.CharField(max_length=20, choices=choices(Security), default=Security.PLAINTEXT.value)
    sasl_tls = models.BooleanField("SASL inside TLS", default=True)
    username = models.CharField(max_length=200, blank=True)
    ca_pem = models.TextField("CA certificate (PEM)", blank=True)
    certificate_pem = models.TextField("client certificate (PEM)", blank=True)

    # Not a URLField: that one refuses hosts without a dot, as they are usual inside a cluster.
    schema_source = models.CharField(
        "schemas from", max_length=10, choices=SchemaSource.choices, default=SchemaSource.REGISTRY
    )
    registry_url = models.CharField("schema registry URL", max_length=500, blank=True)
    registry_auth = models.CharField(max_length=10, choices=choices(RegistryAuth), default=RegistryAuth.NONE.value)
    registry_username = models.CharField(max_length=200, blank=True)
    registry_ca_pem = models.TextField("registry CA certificate (PEM)", blank=True)

    topic = models.CharField(max_length=249)
    tenancy = models.CharField(max_length=10, choices=choices(Tenancy), default=Tenancy.MULTI.value)
    subject_strategy = models.CharField(
        max_length=20, choices=choices(SubjectStrategy), default=SubjectStrategy.RECORD.value
    )
    consumers_read = models.CharField(
        max_length=12, choices=ConsumersRead.choices, default=ConsumersRead.UNCOMMITTED.value
    )

    secrets = models.BinaryField(default=bytes, editable=False)
    cluster_id = models.CharField(max_length=100, blank=True, editable=False)
    checked_at = models.DateTimeField(null=True, editable=False)
    check_findings = models.JSONField(default=dict, editable=False)
    version = models.PositiveIntegerField(default=1, editable=False)

    objects = EnvironmentQuerySet.as_manager()

    class Meta:
        ordering = ["order", "name"]
        constraints = [
            models.CheckConstraint(condition=Q(color__in=COLORS), name="environment_color_known"),
            models.CheckConstraint(condition=~Q(topic=""), name="environment_topic_not_empty"),
            models.CheckConstraint(
                condition=~Q(schema_source=SchemaSource.REGISTRY) | ~Q(registry_url=""),
                name="environment_registry_has_an_address",
            ),
            models.CheckConstraint(
                condition=Q(approvers__gte=1, approvers__lte=9), name="environment_approvers_1_to_9"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        """The page of this environment."""
        return reverse("promotion:environment", args=[self.name])


class EnvironmentDraft(models.Model):
    """What somebody typed for an environment: tested by a worker before it becomes one.

    `fields` holds what is not secret, `secrets` the encrypted ones. The errors stand where they belong:
    `kafka_error` and `registry_error` are empty where that part answered.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    environment = models.ForeignKey(Environment, null=True, on_delete=models.CASCADE, related_name="drafts")
    environment_version = models.PositiveIntegerField(null=True)
    fields = models.JSONField(default=dict)
    secrets = models.BinaryField(default=bytes)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    tested_at = models.DateTimeField(null=True)
    saved_at = models.DateTimeField(null=True)
    kafka_error = models.TextField(blank=True)
    registry_error = models.TextField(blank=True)
    findings = models.JSONField(default=dict)

    def __str__(self) -> str:
        return f"draft of {self.fields.get('name', '?')}"


class EnvironmentSchema(models.Model):
    """One schema of an environment without a registry, and the id that its records bear for it.

    There is nothing to ask for an id: a person gave it, none where the schema only serves to write events from files.
    """

    environment = models.ForeignKey(Environment, on_delete=models.CASCADE, related_name="schemas")
    schema = models.ForeignKey("AvroSchema", on_delete=models.PROTECT, related_name="+")
    registry_id = models.BigIntegerField(null=True)
    added_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    added_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["environment", "registry_id"], name="environment_schema_id_once"),
            models.UniqueConstraint(fields=["environment", "schema"], name="environment_schema_once"),
            models.CheckConstraint(
                condition=Q(registry_id__gte=0, registry_id__lt=2**31), name="environment_schema_id"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.environment_id}: {self.registry_id}"
