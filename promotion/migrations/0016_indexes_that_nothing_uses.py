import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("promotion", "0015_job_parts"),
    ]

    operations = [
        migrations.AlterField(
            model_name="event",
            name="event_type",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="promotion.eventtype",
            ),
        ),
        migrations.AlterField(
            model_name="event",
            name="schema",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="promotion.avroschema",
            ),
        ),
        migrations.AlterField(
            model_name="planstep",
            name="schema",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="promotion.avroschema"
            ),
        ),
        migrations.AlterField(
            model_name="revision",
            name="schema",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="promotion.avroschema"
            ),
        ),
    ]
