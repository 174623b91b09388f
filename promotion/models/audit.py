"""The audit trail: who did what, when, from where. Append-only: a trigger refuses update and delete."""

from __future__ import annotations

from django.conf import settings
from django.db import connection, models
from django.db.models import Q
from psycopg.sql import SQL, Identifier

_EACH = SQL("""
    WITH RECURSIVE each AS (
        (SELECT {field} AS met FROM promotion_auditentry ORDER BY {field} LIMIT 1)
        UNION ALL
        SELECT (SELECT {field} FROM promotion_auditentry WHERE {field} > each.met ORDER BY {field} LIMIT 1)
        FROM each WHERE each.met IS NOT NULL
    ) SELECT met FROM each WHERE met IS NOT NULL
""")


class AuditQuerySet(models.QuerySet["AuditEntry"]):
    """Queries over the audit trail."""

    def matching(self, text: str = "", **exact: object) -> AuditQuerySet:
        """Entries whose object or reason holds `text`, in any case; empty values of `exact` do not restrict."""
        wanted = Q(object_label__icontains=text) | Q(reason__icontains=text)
        return self.filter(wanted if text else Q(), **{field: value for field, value in exact.items() if value != ""})

    def met(self, field: str) -> list[str]:
        """Every value there is in `field`, one with an index that begins with it, in the order of the database.

        The index is entered once a value: DISTINCT would read the whole trail for a handful of them.
        """
        with connection.cursor() as cursor:
            cursor.execute(_EACH.format(field=Identifier(field)))
            return [met for (met,) in cursor.fetchall()]


class AuditEntry(models.Model):
    """One change. `before` and `after` never hold a secret nor the content of an event."""

    at = models.DateTimeField(auto_now_add=True, db_index=True)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    actor_name = models.CharField(max_length=150)
    origin = models.CharField(max_length=100, help_text="An address for the web, else 'command line' or 'worker'.")
    verb = models.CharField(max_length=60, db_index=True)
    object_type = models.CharField(max_length=40)
    object_id = models.CharField(max_length=100)
    object_label = models.CharField(max_length=300)
    reason = models.TextField(blank=True)
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)

    objects = AuditQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "audit entries"
        indexes = [
            models.Index(fields=["object_type", "object_id"], name="audit_object"),
            models.Index(fields=["actor_name", "-id"], name="audit_actor"),
        ]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} {self.actor_name} {self.verb} {self.object_label}"


class AuditSeal(models.Model):
    """One link of the chain over the audit trail, written by a trigger when the entry's transaction commits.

    `digest` is the SHA-256 of the seal before it and of the entry (docs/decisions/0021): an entry that is changed,
    removed or slipped in later no longer fits. Append-only.
    """

    number = models.BigIntegerField(primary_key=True)
    entry = models.OneToOneField(AuditEntry, on_delete=models.DO_NOTHING, db_constraint=False, related_name="seal")
    digest = models.CharField(max_length=64)

    class Meta:
        ordering = ["number"]

    def __str__(self) -> str:
        return f"seal {self.number} of entry {self.entry_id}"
