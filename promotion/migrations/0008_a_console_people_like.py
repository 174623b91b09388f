import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("promotion", "0007_bulk_editing"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="AuditSeal",
            fields=[
                ("number", models.BigIntegerField(primary_key=True, serialize=False)),
                ("digest", models.CharField(max_length=64)),
            ],
            options={
                "ordering": ["number"],
            },
        ),
        migrations.CreateModel(
            name="Drift",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("catalogue", models.CharField(blank=True, max_length=64)),
                ("topic", models.CharField(blank=True, max_length=249)),
                ("cluster_id", models.CharField(blank=True, max_length=100)),
                ("positions", models.JSONField(default=dict)),
                ("ends", models.JSONField(default=dict)),
                ("counts", models.JSONField(default=dict)),
                ("counted_at", models.DateTimeField(null=True)),
                ("error", models.TextField(blank=True)),
            ],
        ),
        migrations.CreateModel(
            name="Notice",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("due_at", models.DateTimeField()),
                ("attempts", models.PositiveIntegerField(default=0)),
                ("sent_at", models.DateTimeField(null=True)),
                ("given_up_at", models.DateTimeField(null=True)),
                ("error", models.TextField(blank=True)),
            ],
            options={
                "ordering": ["created_at"],
            },
        ),
        migrations.CreateModel(
            name="TopicSurvey",
            fields=[
                (
                    "environment",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="survey",
                        serialize=False,
                        to="promotion.environment",
                    ),
                ),
                ("topic", models.CharField(max_length=249)),
                ("cluster_id", models.CharField(blank=True, max_length=100)),
                ("partitions", models.JSONField(default=list)),
                ("bars", models.JSONField(default=list)),
                ("surveyed_at", models.DateTimeField(null=True)),
                ("tried_at", models.DateTimeField(null=True)),
                ("error", models.TextField(blank=True)),
            ],
        ),
        migrations.CreateModel(
            name="Watch",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("since", models.DateTimeField(auto_now_add=True)),
            ],
        ),
        migrations.CreateModel(
            name="Webhook",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=100, unique=True)),
                ("url", models.CharField(max_length=500)),
                ("secret", models.TextField()),
                ("active", models.BooleanField(default=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
            ],
            options={
                "ordering": ["name"],
            },
        ),
        migrations.AlterModelOptions(
            name="promotion",
            options={
                "ordering": ["-id"],
                "permissions": [
                    ("manage_promotion", "Can create, export, edit and replay promotions"),
                    ("approve_promotion", "Can approve a plan"),
                    ("curate_event_types", "Can decide which event types travel"),
                    ("manage_environments", "Can change environments"),
                    ("view_console", "Can read everything but secrets"),
                    ("see_sensitive", "Can see the values of sensitive fields"),
                ],
            },
        ),
        migrations.AddField(
            model_name="eventtype",
            name="proposed_sensitive_fields",
            field=models.JSONField(
                default=list,
                help_text="What the schema's names suggest to be sensitive: dotted paths, `[]` for every item.",
            ),
        ),
        migrations.AddField(
            model_name="eventtype",
            name="sensitive_fields",
            field=models.JSONField(
                blank=True, help_text="What a curator made of the proposal; none where nobody corrected it.", null=True
            ),
        ),
        migrations.AddField(
            model_name="eventtype",
            name="sensitive_fields_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="eventtype",
            name="sensitive_fields_by",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="eventtype",
            name="sensitive_fields_reason",
            field=models.TextField(blank=True),
        ),
        migrations.AddField(
            model_name="promotionjob",
            name="octets",
            field=models.BigIntegerField(default=0, help_text="Bytes read or written so far."),
        ),
        migrations.AddField(
            model_name="promotionjob",
            name="pace",
            field=models.JSONField(default=list, help_text="The last looks at the clock: [ms since the epoch, done]."),
        ),
        migrations.AddField(
            model_name="promotionjob",
            name="positions",
            field=models.JSONField(
                default=dict, help_text="By partition: [where it started, where it is, where it ends]."
            ),
        ),
        migrations.AlterField(
            model_name="revision",
            name="kind",
            field=models.CharField(
                choices=[
                    ("edit", "Edited"),
                    ("upload", "Uploaded"),
                    ("together", "Edited together"),
                    ("undo", "Undone"),
                    ("original", "Back to the original"),
                    ("rules", "Changed by rules"),
                ],
                max_length=20,
            ),
        ),
        migrations.AddConstraint(
            model_name="eventtype",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("sensitive_fields__isnull", True),
                    models.Q(
                        ("sensitive_fields_at__isnull", False),
                        ("sensitive_fields_by__isnull", False),
                        models.Q(("sensitive_fields_reason", ""), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="event_type_sensitive_fields_for_a_reason",
            ),
        ),
        migrations.AddField(
            model_name="auditseal",
            name="entry",
            field=models.OneToOneField(
                db_constraint=False,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="seal",
                to="promotion.auditentry",
            ),
        ),
        migrations.AddField(
            model_name="drift",
            name="base",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to="promotion.promotion"
            ),
        ),
        migrations.AddField(
            model_name="drift",
            name="source",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="drift_from", to="promotion.environment"
            ),
        ),
        migrations.AddField(
            model_name="drift",
            name="target",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="drift_to", to="promotion.environment"
            ),
        ),
        migrations.AddField(
            model_name="notice",
            name="job",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="notices", to="promotion.promotionjob"
            ),
        ),
        migrations.AddField(
            model_name="notice",
            name="user",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="watch",
            name="promotion",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="watches", to="promotion.promotion"
            ),
        ),
        migrations.AddField(
            model_name="watch",
            name="user",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="watches", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="webhook",
            name="created_by",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="notice",
            name="webhook",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.CASCADE, related_name="notices", to="promotion.webhook"
            ),
        ),
        migrations.AddConstraint(
            model_name="drift",
            constraint=models.UniqueConstraint(fields=("source", "target"), name="drift_once_a_pair"),
        ),
        migrations.AddConstraint(
            model_name="drift",
            constraint=models.CheckConstraint(
                condition=models.Q(("source", models.F("target")), _negated=True), name="drift_between_two"
            ),
        ),
        migrations.AddConstraint(
            model_name="watch",
            constraint=models.UniqueConstraint(fields=("promotion", "user"), name="watch_once"),
        ),
        migrations.AddIndex(
            model_name="notice",
            index=models.Index(
                condition=models.Q(("given_up_at__isnull", True), ("sent_at__isnull", True)),
                fields=["due_at"],
                name="notice_open",
            ),
        ),
        migrations.AddConstraint(
            model_name="notice",
            constraint=models.UniqueConstraint(fields=("job", "user"), name="notice_once_a_user"),
        ),
        migrations.AddConstraint(
            model_name="notice",
            constraint=models.UniqueConstraint(fields=("job", "webhook"), name="notice_once_a_webhook"),
        ),
        migrations.AddConstraint(
            model_name="notice",
            constraint=models.CheckConstraint(
                condition=models.Q(("user__isnull", False), ("webhook__isnull", False), _connector="XOR"),
                name="notice_has_one_receiver",
            ),
        ),
    ]
