import uuid

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("promotion", "0014_packed_headers"),
    ]

    operations = [
        migrations.CreateModel(
            name="JobPart",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("number", models.PositiveIntegerField()),
                ("what", models.JSONField()),
                ("finished", models.BooleanField(default=False)),
                ("outcome", models.BinaryField(null=True)),
                ("lease_token", models.UUIDField(null=True)),
                ("lease_until", models.DateTimeField(default=django.utils.timezone.now)),
                ("attempts", models.PositiveIntegerField(default=0)),
                ("own", models.BooleanField(default=False)),
                ("left", models.BooleanField(default=False)),
                ("done", models.BigIntegerField(default=0)),
                ("total", models.BigIntegerField(default=0)),
                ("octets", models.BigIntegerField(default=0)),
                ("positions", models.JSONField(default=dict)),
                (
                    "job",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="parts",
                        to="promotion.promotionjob",
                    ),
                ),
            ],
            options={
                "ordering": ["job_id", "number"],
                "constraints": [models.UniqueConstraint(fields=("job", "number"), name="job_part_once")],
            },
        ),
    ]
