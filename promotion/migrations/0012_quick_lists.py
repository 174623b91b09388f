"""Indexes for the lists of very many events, and what the search index is made of."""

import django.db.models.deletion
import django.db.models.functions.text
from django.contrib.postgres.operations import TrigramExtension
from django.db import migrations, models


class Migration(migrations.Migration):
    """The extension is a trusted one: whoever may create something in the database may create it."""

    dependencies = [
        ("promotion", "0011_masked_search"),
    ]

    operations = [
        TrigramExtension(),
        migrations.RemoveIndex(
            model_name="event",
            name="event_types_of_promotion",
        ),
        migrations.AlterField(
            model_name="event",
            name="promotion",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="events",
                to="promotion.promotion",
            ),
        ),
        migrations.AlterField(
            model_name="event",
            name="revision",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="promotion.revision",
            ),
        ),
        migrations.AddIndex(
            model_name="event",
            index=models.Index(
                fields=["promotion", "event_type", "merge_timestamp", "partition", "offset"], name="event_of_type"
            ),
        ),
        migrations.AddIndex(
            model_name="event",
            index=models.Index(
                models.F("promotion"),
                django.db.models.functions.text.Left("host", 64),
                models.F("merge_timestamp"),
                models.F("partition"),
                models.F("offset"),
                name="event_of_host",
            ),
        ),
        migrations.AddIndex(
            model_name="event",
            index=models.Index(
                models.F("promotion"),
                django.db.models.functions.text.Left("user", 64),
                models.F("merge_timestamp"),
                models.F("partition"),
                models.F("offset"),
                name="event_of_user",
            ),
        ),
        migrations.AddIndex(
            model_name="event",
            index=models.Index(
                condition=models.Q(("excluded", False), ("quarantine_reason", "")),
                fields=["promotion", "merge_timestamp", "partition", "offset"],
                name="event_outgoing",
            ),
        ),
        migrations.AddIndex(
            model_name="event",
            index=models.Index(
                condition=models.Q(("excluded", True)),
                fields=["promotion", "merge_timestamp", "partition", "offset"],
                name="event_excluded",
            ),
        ),
        migrations.AddIndex(
            model_name="event",
            index=models.Index(
                condition=models.Q(("quarantine_reason", ""), _negated=True),
                fields=["promotion", "merge_timestamp", "partition", "offset"],
                name="event_quarantined",
            ),
        ),
        migrations.AddIndex(
            model_name="event",
            index=models.Index(
                condition=models.Q(("revision__isnull", False)),
                fields=["promotion", "merge_timestamp", "partition", "offset"],
                name="event_edited",
            ),
        ),
        migrations.AddIndex(
            model_name="event",
            index=models.Index(
                condition=models.Q(("revision__isnull", False)), fields=["revision"], name="event_of_revision"
            ),
        ),
    ]
