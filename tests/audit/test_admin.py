"""Django's admin: people are managed and audited there; the rest is to look at."""

from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.test import Client

from promotion.models import AuditEntry
from promotion.states import Decision
from tests import cast

pytestmark = pytest.mark.django_db
ADD = {"usable_password": "true", "password1": "Correct-horse-9", "password2": "Correct-horse-9"}


@pytest.fixture
def admins(client: Client) -> Client:
    client.force_login(cast.user("admin"))
    return client


def person(user: User, **values: Any) -> dict[str, Any]:
    """What the form of `user` posts; `groups` are names."""
    groups = [Group.objects.get(name=name).pk for name in values.pop("groups", [])]
    joined = {"date_joined_0": f"{user.date_joined:%Y-%m-%d}", "date_joined_1": f"{user.date_joined:%H:%M:%S}"}
    return {"username": user.username, "is_active": "on", "groups": groups, **joined, **values}


def test_a_new_user_is_audited_without_the_password(admins: Client) -> None:
    assert admins.post("/admin/auth/user/add/", {"username": "anna", **ADD}).status_code == 302
    entry = AuditEntry.objects.get(verb="create")
    assert (entry.actor_name, entry.object_type, entry.object_label) == ("admin", "user", "anna")
    assert "password" not in str(entry.after).lower()


def test_a_change_of_groups_is_audited_with_before_and_after(admins: Client) -> None:
    viewer = cast.user("viewer")
    changed = person(viewer, groups=["curator"], is_superuser="on")
    assert admins.post(f"/admin/auth/user/{viewer.pk}/change/", changed).status_code == 302
    entry = AuditEntry.objects.get(verb="change")
    assert entry.before == {"groups": ["viewer"], "is_superuser": False}
    assert entry.after == {"groups": ["curator"], "is_superuser": True}
    assert entry.origin == "127.0.0.1"


def test_a_new_password_is_audited_and_not_told(admins: Client) -> None:
    viewer = cast.user("viewer")
    assert admins.post(f"/admin/auth/user/{viewer.pk}/password/", ADD).status_code == 302
    entry = AuditEntry.objects.get(verb="change password")
    assert (entry.object_label, entry.before, entry.after) == ("viewer", None, None)


def test_a_deletion_is_audited_and_one_who_did_something_cannot_be_deleted(admins: Client) -> None:
    viewer = cast.user("viewer")
    admins.post(f"/admin/auth/user/{viewer.pk}/delete/", {"post": "yes"})
    assert AuditEntry.objects.get(verb="delete").before["username"] == "viewer"
    cast.event_type("a.B", Decision.PROMOTABLE)
    curator = cast.user("curator")
    response = admins.post(f"/admin/auth/user/{curator.pk}/delete/", {"post": "yes"})
    assert User.objects.filter(pk=curator.pk).exists()
    assert "Cannot delete user" in response.content.decode()


def test_a_change_of_a_role_is_audited(admins: Client) -> None:
    group = Group.objects.get(name="viewer")
    assert admins.post(f"/admin/auth/group/{group.pk}/change/", {"name": "viewer"}).status_code == 302
    entry = AuditEntry.objects.get(verb="change")
    assert (entry.before, entry.after) == ({"permissions": ["view_console"]}, {"permissions": []})


def test_of_the_console_s_own_tables_the_admin_changes_none(admins: Client) -> None:
    registered = {model._meta.label for model in admin.site._registry}
    assert registered == {
        "auth.User", "auth.Group", "promotion.AuditEntry", "promotion.EventType", "promotion.TypeDecision",
    }  # fmt: skip
    found = cast.event_type("a.B", Decision.PROMOTABLE)
    ids = {"eventtype": found.pk, "typedecision": found.decisions.get().pk, "auditentry": AuditEntry.objects.get().pk}
    for model, pk in ids.items():
        root = f"/admin/promotion/{model}/"
        assert admins.get(root).status_code == admins.get(f"{root}{pk}/change/").status_code == 200
        for url in (f"{root}add/", f"{root}{pk}/change/", f"{root}{pk}/delete/"):
            assert admins.post(url, {"post": "yes"}).status_code == 403
        admins.post(root, {"action": "delete_selected", "_selected_action": [pk], "post": "yes"})
    found.refresh_from_db()
    assert found.decisions.count() == AuditEntry.objects.filter(verb="decide").count() == 1
