"""What the tables alone do not say: the groups of people, append-only tables, the installation's own name."""

from typing import Any

from django.apps.registry import Apps
from django.contrib.auth.management import create_permissions
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

# A migration tells what was true when it was written: not imported from promotion.policy.
GROUPS = {
    "viewer": ["view_console"],
    "release manager": ["view_console", "manage_promotion"],
    "approver": ["view_console", "approve_promotion"],
    "curator": ["view_console", "curate_event_types", "manage_environments"],
}

APPEND_ONLY = """
CREATE FUNCTION promotion_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE ON promotion_auditentry
    FOR EACH ROW EXECUTE FUNCTION promotion_refuse_change();
CREATE TRIGGER decision_append_only BEFORE UPDATE OR DELETE ON promotion_typedecision
    FOR EACH ROW EXECUTE FUNCTION promotion_refuse_change();
"""

CHANGEABLE = """
DROP TRIGGER decision_append_only ON promotion_typedecision;
DROP TRIGGER audit_append_only ON promotion_auditentry;
DROP FUNCTION promotion_refuse_change;
"""


def make_groups(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Make the groups; permissions are otherwise made only after all migrations."""
    config: Any = apps.get_app_config("promotion")
    config.models_module = True
    create_permissions(config, apps=apps, verbosity=0)
    config.models_module = None
    permissions = apps.get_model("auth", "Permission").objects.filter(content_type__app_label="promotion")
    for name, codenames in GROUPS.items():
        group, _ = apps.get_model("auth", "Group").objects.get_or_create(name=name)
        group.permissions.add(*permissions.filter(codename__in=codenames))


def name_installation(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Make the one row."""
    apps.get_model("promotion", "Installation").objects.get_or_create(id=1)


class Migration(migrations.Migration):
    """Groups, triggers, installation."""

    dependencies = [
        ("promotion", "0001_initial"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [
        migrations.RunPython(make_groups, migrations.RunPython.noop),
        migrations.RunPython(name_installation, migrations.RunPython.noop),
        migrations.RunSQL(APPEND_ONLY, CHANGEABLE),
    ]
