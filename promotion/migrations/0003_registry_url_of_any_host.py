"""A registry may have any host name: Django's URLField refuses those without a dot."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """No change of the column."""

    dependencies = [
        ("promotion", "0002_groups_triggers_installation"),
    ]

    operations = [
        migrations.AlterField(
            model_name="environment",
            name="registry_url",
            field=models.CharField(max_length=500, verbose_name="schema registry URL"),
        ),
    ]
