"""The group of those who may see masked values."""

from typing import Any

from django.apps.registry import Apps
from django.contrib.auth.management import create_permissions
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

# A migration tells what was true when it was written: not imported from promotion.policy.
GROUP = "sensitive reader"
CODENAMES = ["view_console", "see_sensitive"]


def make_group(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Make the group; permissions are otherwise made only after all migrations."""
    config: Any = apps.get_app_config("promotion")
    config.models_module = True
    create_permissions(config, apps=apps, verbosity=0)
    config.models_module = None
    permissions = apps.get_model("auth", "Permission").objects.filter(content_type__app_label="promotion")
    group, _ = apps.get_model("auth", "Group").objects.get_or_create(name=GROUP)
    group.permissions.add(*permissions.filter(codename__in=CODENAMES))


class Migration(migrations.Migration):
    """One group more."""

    dependencies = [("promotion", "0008_a_console_people_like")]

    operations = [migrations.RunPython(make_group, migrations.RunPython.noop)]
