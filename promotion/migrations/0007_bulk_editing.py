import uuid

import django.db.models.deletion
import django.db.models.functions.comparison
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("promotion", "0006_plan_approval_proof"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Amendment",
            fields=[
                (
                    "event",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="amendment",
                        serialize=False,
                        to="promotion.event",
                    ),
                ),
                ("thing", models.CharField(max_length=300)),
                ("found_at", models.CharField(blank=True, max_length=40)),
                ("current", models.JSONField(default=dict)),
            ],
        ),
        migrations.CreateModel(
            name="EnvironmentSchema",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("registry_id", models.BigIntegerField(null=True)),
                ("added_at", models.DateTimeField(auto_now_add=True)),
            ],
            options={
                "ordering": ["id"],
            },
        ),
        migrations.CreateModel(
            name="PairSeed",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("source_name", models.CharField(max_length=200)),
                ("seed", models.UUIDField(default=uuid.uuid4, editable=False)),
            ],
        ),
        migrations.CreateModel(
            name="RuleList",
            fields=[
                (
                    "promotion",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="rule_list",
                        serialize=False,
                        to="promotion.promotion",
                    ),
                ),
                ("applied", models.JSONField(default=list)),
                ("applied_at", models.DateTimeField(null=True)),
                ("draft", models.JSONField(null=True)),
                ("version", models.PositiveIntegerField(default=0)),
            ],
        ),
        migrations.CreateModel(
            name="RulePass",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("dry", models.BooleanField()),
                ("rules", models.JSONField(default=list)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("finished_at", models.DateTimeField(null=True)),
                ("counts", models.JSONField(default=dict)),
                ("fields", models.JSONField(default=list)),
                ("samples", models.JSONField(default=list)),
                ("problems", models.JSONField(default=list)),
            ],
            options={
                "ordering": ["-created_at"],
            },
        ),
        migrations.CreateModel(
            name="RuleSet",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=100, unique=True)),
                ("archived_at", models.DateTimeField(null=True)),
            ],
            options={
                "ordering": ["name"],
            },
        ),
        migrations.CreateModel(
            name="RuleSetVersion",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.PositiveIntegerField()),
                ("rules", models.JSONField()),
                ("note", models.CharField(blank=True, max_length=300)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
            ],
            options={
                "ordering": ["-number"],
            },
        ),
        migrations.RemoveConstraint(
            model_name="promotion",
            name="promotion_source_is_not_target",
        ),
        migrations.RemoveConstraint(
            model_name="promotion",
            name="promotion_state_known",
        ),
        migrations.AddField(
            model_name="environment",
            name="schema_source",
            field=models.CharField(
                choices=[("registry", "a schema registry"), ("set", "schemas given here")],
                default="registry",
                max_length=10,
                verbose_name="schemas from",
            ),
        ),
        migrations.AddField(
            model_name="event",
            name="hand_excluded",
            field=models.BooleanField(null=True),
        ),
        migrations.AddField(
            model_name="event",
            name="rule_excluded",
            field=models.BooleanField(null=True),
        ),
        migrations.AddField(
            model_name="plan",
            name="keys",
            field=models.JSONField(default=dict),
        ),
        migrations.AddField(
            model_name="plan",
            name="rules",
            field=models.JSONField(default=list),
        ),
        migrations.AddField(
            model_name="promotion",
            name="amends",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="amendments",
                to="promotion.promotion",
            ),
        ),
        migrations.AddField(
            model_name="promotion",
            name="approach",
            field=models.CharField(
                choices=[
                    ("edit_first", "Edit first, then replay"),
                    ("originals_first", "Replay the originals, then amend on the target"),
                ],
                default="edit_first",
                max_length=20,
            ),
        ),
        migrations.AddField(
            model_name="promotion",
            name="origin",
            field=models.CharField(
                choices=[("cluster", "an environment's topic"), ("file", "a file"), ("amendments", "amendments")],
                default="cluster",
                max_length=20,
            ),
        ),
        migrations.AddField(
            model_name="promotion",
            name="seed",
            field=models.UUIDField(default=uuid.uuid4, editable=False),
        ),
        migrations.AddField(
            model_name="promotion",
            name="source_name",
            field=models.CharField(blank=True, max_length=200),
        ),
        migrations.AddField(
            model_name="promotion",
            name="source_tenancy",
            field=models.CharField(blank=True, max_length=10),
        ),
        migrations.AddField(
            model_name="revision",
            name="rules",
            field=models.JSONField(default=list),
        ),
        migrations.AddField(
            model_name="upload",
            name="format",
            field=models.CharField(blank=True, help_text="Empty until it is recognised.", max_length=20),
        ),
        migrations.AlterField(
            model_name="environment",
            name="registry_url",
            field=models.CharField(blank=True, max_length=500, verbose_name="schema registry URL"),
        ),
        migrations.AlterField(
            model_name="promotion",
            name="source",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="promotions_from",
                to="promotion.environment",
            ),
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
                ],
                default="draft",
                max_length=20,
            ),
        ),
        migrations.AlterField(
            model_name="promotionjob",
            name="kind",
            field=models.CharField(
                choices=[
                    ("export", "Export"),
                    ("refresh", "Reading of what is new"),
                    ("import", "Import"),
                    ("preview_rules", "Preview of rules"),
                    ("rewrite", "Applying of rules"),
                    ("amend", "Proposal of amendments"),
                    ("plan", "Plan"),
                    ("check_plan", "Check of a plan"),
                    ("replay", "Replay"),
                    ("verify", "Verification"),
                    ("upload", "Upload"),
                    ("check_environment", "Check of an environment"),
                ],
                max_length=20,
            ),
        ),
        migrations.AlterField(
            model_name="revision",
            name="kind",
            field=models.CharField(
                choices=[
                    ("edit", "Edited"),
                    ("upload", "Uploaded"),
                    ("undo", "Undone"),
                    ("original", "Back to the original"),
                    ("rules", "Changed by rules"),
                ],
                max_length=20,
            ),
        ),
        migrations.AlterField(
            model_name="uploadline",
            name="verdict",
            field=models.CharField(
                choices=[
                    ("changed", "Changed"),
                    ("excluded", "Excluded"),
                    ("included", "Included again"),
                    ("unchanged", "Unchanged"),
                    ("unknown", "Unknown event"),
                    ("stale", "Changed here since the download"),
                    ("duplicate", "Same event as an earlier line"),
                    ("invalid", "Invalid"),
                    ("imported", "Imported"),
                    ("repeated", "Exactly the same as an earlier entry"),
                    ("left_out", "May not travel"),
                ],
                max_length=20,
            ),
        ),
        migrations.RunSQL(
            """
            UPDATE promotion_promotion SET seed = gen_random_uuid();
            UPDATE promotion_event SET hand_excluded = true WHERE excluded;
            """,
            migrations.RunSQL.noop,
        ),
        migrations.AddConstraint(
            model_name="environment",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("schema_source", "registry"), _negated=True),
                    models.Q(("registry_url", ""), _negated=True),
                    _connector="OR",
                ),
                name="environment_registry_has_an_address",
            ),
        ),
        migrations.AddConstraint(
            model_name="event",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "excluded",
                        django.db.models.functions.comparison.Coalesce(
                            models.F("hand_excluded"), models.F("rule_excluded"), models.Value(False)
                        ),
                    )
                ),
                name="event_excluded_by_somebody",
            ),
        ),
        migrations.AddConstraint(
            model_name="promotion",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("source__isnull", True), models.Q(("source", models.F("target")), _negated=True), _connector="OR"
                ),
                name="promotion_source_is_not_target",
            ),
        ),
        migrations.AddConstraint(
            model_name="promotion",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("origin", "cluster"), ("source__isnull", False)),
                    models.Q(
                        ("origin__in", ["file", "amendments"]),
                        ("source__isnull", True),
                        models.Q(("source_name", ""), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="promotion_has_a_source",
            ),
        ),
        migrations.AddConstraint(
            model_name="promotion",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("amends__isnull", False), ("origin", "amendments")),
                    models.Q(("amends__isnull", True), models.Q(("origin", "amendments"), _negated=True)),
                    _connector="OR",
                ),
                name="promotion_amends_where_it_says_so",
            ),
        ),
        migrations.AddConstraint(
            model_name="promotion",
            constraint=models.CheckConstraint(
                condition=models.Q(("approach__in", ["edit_first", "originals_first"])), name="promotion_approach_known"
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
                        ],
                    )
                ),
                name="promotion_state_known",
            ),
        ),
        migrations.AddField(
            model_name="amendment",
            name="amends",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="amended_by", to="promotion.event"
            ),
        ),
        migrations.AddField(
            model_name="environmentschema",
            name="added_by",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="environmentschema",
            name="environment",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="schemas", to="promotion.environment"
            ),
        ),
        migrations.AddField(
            model_name="environmentschema",
            name="schema",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="promotion.avroschema"
            ),
        ),
        migrations.AddField(
            model_name="pairseed",
            name="target",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="+", to="promotion.environment"
            ),
        ),
        migrations.AddField(
            model_name="rulepass",
            name="author",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="rulepass",
            name="promotion",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="rule_passes", to="promotion.promotion"
            ),
        ),
        migrations.AddField(
            model_name="ruleset",
            name="source",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="promotion.environment"
            ),
        ),
        migrations.AddField(
            model_name="ruleset",
            name="target",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="promotion.environment"
            ),
        ),
        migrations.AddField(
            model_name="rulesetversion",
            name="author",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="rulesetversion",
            name="rule_set",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="versions", to="promotion.ruleset"
            ),
        ),
        migrations.AddConstraint(
            model_name="environmentschema",
            constraint=models.UniqueConstraint(
                fields=("environment", "registry_id"), name="environment_schema_id_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="environmentschema",
            constraint=models.UniqueConstraint(fields=("environment", "schema"), name="environment_schema_once"),
        ),
        migrations.AddConstraint(
            model_name="environmentschema",
            constraint=models.CheckConstraint(
                condition=models.Q(("registry_id__gte", 0), ("registry_id__lt", 2147483648)),
                name="environment_schema_id",
            ),
        ),
        migrations.AddConstraint(
            model_name="pairseed",
            constraint=models.UniqueConstraint(fields=("source_name", "target"), name="pair_seed_once"),
        ),
        migrations.AddIndex(
            model_name="rulepass",
            index=models.Index(fields=["promotion", "-created_at"], name="rule_pass_newest"),
        ),
        migrations.AddConstraint(
            model_name="ruleset",
            constraint=models.CheckConstraint(
                condition=models.Q(("name", ""), _negated=True), name="rule_set_has_a_name"
            ),
        ),
        migrations.AddConstraint(
            model_name="rulesetversion",
            constraint=models.UniqueConstraint(fields=("rule_set", "number"), name="rule_set_version_once"),
        ),
        migrations.RunSQL(
            """
            CREATE TRIGGER rule_set_version_append_only BEFORE UPDATE OR DELETE ON promotion_rulesetversion
                FOR EACH ROW EXECUTE FUNCTION promotion_refuse_change();
            """,
            "DROP TRIGGER rule_set_version_append_only ON promotion_rulesetversion;",
        ),
    ]
