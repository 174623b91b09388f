import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("promotion", "0012_quick_lists"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Archive",
            fields=[
                (
                    "promotion",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="archive",
                        serialize=False,
                        to="promotion.promotion",
                    ),
                ),
                ("file", models.CharField(max_length=300)),
                ("sha256", models.CharField(max_length=64)),
                ("octets", models.BigIntegerField()),
                ("rows", models.JSONField()),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("draft", "Draft"),
                            ("exporting", "Exporting"),
                            ("export_failed", "Export failed"),
                            ("export_cancelled", "Export cancelled"),
                            ("importing", "Importing"),
                            ("import_failed", "Import failed"),
                            ("exported", "Exported"),
                            ("rewriting", "Applying rules"),
                            ("amending", "Proposing amendments"),
                            ("planning", "Planning"),
                            ("replaying", "Replaying"),
                            ("replay_failed", "Replay failed"),
                            ("partly_replayed", "Partly replayed"),
                            ("replayed", "Replayed"),
                            ("archived", "Archived"),
                        ],
                        max_length=20,
                    ),
                ),
                ("archived_at", models.DateTimeField(auto_now_add=True)),
            ],
        ),
        migrations.RemoveConstraint(
            model_name="promotion",
            name="promotion_state_known",
        ),
        migrations.AlterField(
            model_name="promotion",
            name="state",
            field=models.CharField(
                choices=[
                    ("draft", "Draft"),
                    ("exporting", "Exporting"),
                    ("export_failed", "Export failed"),
                    ("export_cancelled", "Export cancelled"),
                    ("importing", "Importing"),
                    ("import_failed", "Import failed"),
                    ("exported", "Exported"),
                    ("rewriting", "Applying rules"),
                    ("amending", "Proposing amendments"),
                    ("planning", "Planning"),
                    ("replaying", "Replaying"),
                    ("replay_failed", "Replay failed"),
                    ("partly_replayed", "Partly replayed"),
                    ("replayed", "Replayed"),
                    ("archived", "Archived"),
                ],
                default="draft",
                max_length=20,
            ),
        ),
        migrations.AddConstraint(
            model_name="promotion",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "state__in",
                        [
                            "draft",
                            "exporting",
                            "export_failed",
                            "export_cancelled",
                            "importing",
                            "import_failed",
                            "exported",
                            "rewriting",
                            "amending",
                            "planning",
                            "replaying",
                            "replay_failed",
                            "partly_replayed",
                            "replayed",
                            "archived",
                        ],
                    )
                ),
                name="promotion_state_known",
            ),
        ),
        migrations.AddField(
            model_name="archive",
            name="archived_by",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
    ]
