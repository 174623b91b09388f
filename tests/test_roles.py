"""Who may do what: every URL for every role, GET and POST. A URL without a row fails.

A POST is empty: whoever may do it gets as far as the form (422, or 302 where the page says what is missing), whoever
may not gets 403. What the forms do with good values is tested beside them.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.http import HttpResponseBase
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from promotion.models import AuditEntry, EnvironmentDraft, EnvironmentSchema, TypeDecision, Upload
from tests import cast

pytestmark = pytest.mark.django_db
API = "net.lightapi.portal.market.ApiCreatedEvent"

# fmt: off
#                anonymous nobody viewer manager approver curator admin
READ          = (302,      403,   200,   200,    200,     200,    200)
READ_302      = (302,      403,   302,   302,    302,     302,    302)
READ_404      = (302,      403,   404,   404,    404,     404,    404)  # nothing was replayed yet
MANAGE        = (302,      403,   403,   200,    403,     403,    200)
MANAGE_302    = (302,      403,   403,   302,    403,     403,    302)
REFUSED       = (302,      403,   403,   403,    403,     403,    403)  # its state forbids it to everybody
MANAGE_422    = (302,      403,   403,   422,    403,     403,    422)
APPROVE_422   = (302,      403,   403,   403,    422,     403,    422)
READ_422      = (302,      403,   422,   422,    422,     422,    422)  # whoever may look may ask; nothing is there
CURATE        = (302,      403,   403,   403,    403,     200,    200)
CURATE_302    = (302,      403,   403,   403,    403,     302,    302)
CURATE_404    = (302,      403,   403,   403,    403,     404,    404)
CURATE_422    = (302,      403,   403,   403,    403,     422,    422)
SEE_302       = (302,      403,   403,   403,    403,     403,    302)  # beside a role: the group 'sensitive reader'
ADMIN         = (302,      302,   302,   302,    302,     302,    200)
ADMIN_403     = (302,      302,   302,   302,    302,     302,    403)
ADMIN_404     = (302,      302,   302,   302,    302,     302,    404)
OWN           = (302,      200,   200,   200,    200,     200,    200)
ANYBODY       = (200,      302,   302,   302,    302,     302,    302)  # the login page leads on who is logged in
NEVER         = (302,      405,   405,   405,    405,     405,    405)
ALWAYS_302    = (302,      302,   302,   302,    302,     302,    302)
ADMIN_405     = (302,      302,   302,   302,    302,     302,    405)
# fmt: on
WHO = ("anonymous", "nobody", "viewer", "manager", "approver", "curator", "admin")
Statuses = tuple[int, ...]


class Row(NamedTuple):
    """One URL: its arguments are names in the world of the test."""

    name: str
    get: Statuses
    post: Statuses
    args: tuple[str, ...] = ()


ONE = ("promotion",)
EVENT = ("promotion", "event")
UPLOAD = ("promotion", "upload")
RULE = ("promotion", "rule")
PROTECTED = ("protected", "protected_plan")
ROWS = [
    Row("promotion:home", READ, NEVER),
    Row("promotion:drift", READ, NEVER, ("environment", "target")),
    Row("promotion:promotions", READ, NEVER),
    Row("promotion:promotion_create", MANAGE, MANAGE_422),
    Row("promotion:histogram", READ, NEVER),
    Row("promotion:import", MANAGE, MANAGE_422),
    Row("promotion:import_again", NEVER, REFUSED, ONE),
    Row("promotion:promotion", READ, NEVER, ONE),
    Row("promotion:export", NEVER, REFUSED, ONE),
    Row("promotion:cancel", NEVER, REFUSED, ONE),
    Row("promotion:refresh", NEVER, MANAGE_302, ONE),
    Row("promotion:progress", READ_302, NEVER, ONE),
    Row("promotion:strip", READ_302, NEVER, ONE),
    Row("promotion:watch", NEVER, READ_302, ONE),
    Row("promotion:events", READ, NEVER, ONE),
    Row("promotion:events_count", READ, NEVER, ONE),
    Row("promotion:events_select", MANAGE_302, MANAGE_302, ONE),
    Row("promotion:events_together", MANAGE, MANAGE_422, ONE),
    Row("promotion:events_together_undo", NEVER, MANAGE_302, ONE),
    Row("promotion:event", READ, NEVER, EVENT),
    Row("promotion:event_raw", READ, NEVER, EVENT),
    Row("promotion:event_edit", NEVER, MANAGE_422, EVENT),
    Row("promotion:event_check", NEVER, MANAGE_422, EVENT),
    Row("promotion:event_undo", NEVER, MANAGE_422, EVENT),
    Row("promotion:event_original", NEVER, MANAGE_422, EVENT),
    Row("promotion:event_exclude", NEVER, MANAGE_302, EVENT),
    Row("promotion:event_include", NEVER, MANAGE_302, EVENT),
    Row("promotion:things", READ, MANAGE_422, ONE),
    Row("promotion:sensitive_show", NEVER, SEE_302, ONE),
    Row("promotion:sensitive_hide", NEVER, READ_302, ONE),
    Row("promotion:rules", READ, NEVER, ONE),
    Row("promotion:rules_preview", NEVER, MANAGE_302, ONE),
    Row("promotion:rules_apply", MANAGE, MANAGE_422, ONE),
    Row("promotion:rules_discard", NEVER, MANAGE_422, ONE),
    Row("promotion:rules_take", NEVER, MANAGE_422, ONE),
    Row("promotion:rules_file", MANAGE, MANAGE_422, ONE),
    Row("promotion:rules_save", MANAGE, MANAGE_422, ONE),
    Row("promotion:rule_add", MANAGE, MANAGE_422, ONE),
    Row("promotion:rule_edit", MANAGE, MANAGE_422, RULE),
    Row("promotion:rule_move", NEVER, MANAGE_422, RULE),
    Row("promotion:rule_enable", NEVER, MANAGE_422, RULE),
    Row("promotion:rule_remove", NEVER, MANAGE_422, RULE),
    Row("promotion:rule_put_back", NEVER, MANAGE_422, RULE),
    Row("promotion:rule_undo", NEVER, MANAGE_302, RULE),
    Row("promotion:download", READ, NEVER, ONE),
    Row("promotion:upload", MANAGE, MANAGE_422, ONE),
    Row("promotion:upload_report", READ, NEVER, UPLOAD),
    Row("promotion:upload_apply", NEVER, MANAGE_422, UPLOAD),
    Row("promotion:upload_discard", NEVER, MANAGE_302, UPLOAD),
    Row("promotion:plan", READ, MANAGE_422, ONE),
    Row("promotion:plan_steps", READ_302, NEVER, ONE),
    Row("promotion:plan_check", NEVER, READ_422, ONE),
    Row("promotion:plan_force", NEVER, MANAGE_422, ONE),
    Row("promotion:plan_unforce", NEVER, MANAGE_302, ONE),
    Row("promotion:plan_compare", READ, NEVER, ONE),
    Row("promotion:plan_count", READ, NEVER, ("protected", "old_plan")),
    Row("promotion:plan_old", READ, NEVER, ("protected", "old_plan")),
    Row("promotion:approvals", READ, NEVER),
    Row("promotion:plan_submit", NEVER, MANAGE_302, PROTECTED),
    Row("promotion:plan_approve", NEVER, APPROVE_422, PROTECTED),
    Row("promotion:plan_reject", NEVER, APPROVE_422, PROTECTED),
    Row("promotion:plan_withdraw", NEVER, MANAGE_422, PROTECTED),
    Row("promotion:replay", READ, MANAGE_422, ONE),
    Row("promotion:receipt", READ, NEVER, ONE),
    Row("promotion:receipt_download", READ_404, NEVER, ONE),
    Row("promotion:verify", READ_302, REFUSED, ONE),
    Row("promotion:reconcile", NEVER, REFUSED, ONE),
    Row("promotion:amend", READ, MANAGE_422, ONE),
    Row("promotion:story", READ, NEVER, ONE),
    Row("promotion:approach", NEVER, MANAGE_422, ONE),
    Row("promotion:amendment_keep", NEVER, MANAGE_422, EVENT),
    Row("promotion:event_types", READ, NEVER),
    Row("promotion:event_types_decide", NEVER, CURATE_422),
    Row("promotion:event_types_keys", NEVER, CURATE_404),
    Row("promotion:event_types_sensitive", NEVER, CURATE_404),
    Row("promotion:event_type", READ, NEVER, ("type",)),
    Row("promotion:rule_sets", READ, NEVER),
    Row("promotion:rule_set_create", MANAGE, MANAGE_422),
    Row("promotion:rule_set", READ, NEVER, ("rule_set",)),
    Row("promotion:rule_set_edit", MANAGE, MANAGE_422, ("rule_set",)),
    Row("promotion:rule_set_pair", NEVER, MANAGE_302, ("rule_set",)),
    Row("promotion:rule_set_archive", NEVER, MANAGE_302, ("rule_set",)),
    Row("promotion:rule_set_download", READ, NEVER, ("rule_set",)),
    Row("promotion:environments", READ, NEVER),
    Row("promotion:environment_create", CURATE, CURATE_422),
    Row("promotion:environment_draft", CURATE, CURATE_422, ("draft",)),
    Row("promotion:environment_save_untested", NEVER, REFUSED, ("draft",)),
    Row("promotion:environment", READ, NEVER, ("environment",)),
    Row("promotion:environment_edit", CURATE, CURATE_422, ("environment",)),
    Row("promotion:environment_check", NEVER, CURATE_302, ("environment",)),
    Row("promotion:environment_schemas", READ, NEVER, ("environment",)),
    Row("promotion:environment_schemas_add", NEVER, CURATE_422, ("environment",)),
    Row("promotion:environment_schemas_change", NEVER, CURATE_422, ("environment",)),
    Row("promotion:environment_schema", READ, NEVER, ("environment", "schema_row")),
    Row("promotion:webhooks", CURATE, NEVER),
    Row("promotion:webhook_create", CURATE, CURATE_422),
    Row("promotion:webhook_switch", NEVER, CURATE_302, ("webhook",)),
    Row("promotion:webhook_test", NEVER, CURATE_302, ("webhook",)),
    Row("promotion:webhook_secret", NEVER, CURATE, ("webhook",)),
    Row("promotion:audit", READ, NEVER),
    Row("login", ANYBODY, ANYBODY),
    Row("logout", NEVER, ALWAYS_302),
    Row("password_change", OWN, OWN),
    Row("password_change_done", OWN, NEVER),
    Row("gallery", OWN, OWN),
    Row("admin:index", ADMIN, ADMIN),
    Row("admin:login", (200, 200, 200, 200, 200, 200, 302), (200,) * 7),
    Row("admin:logout", ADMIN_405, ALWAYS_302),
    Row("admin:password_change", ADMIN, ADMIN),
    Row("admin:password_change_done", ADMIN, ADMIN_405),
    Row("admin:autocomplete", ADMIN_403, ADMIN_405),
    Row("admin:jsi18n", ADMIN, ADMIN_405),
    Row("admin:view_on_site", ADMIN_404, ADMIN_404, ("id", "id")),
    Row("admin:app_list", ADMIN, ADMIN, ("app",)),
    *(
        Row(f"admin:auth_{model}_{page}", ADMIN, ADMIN, args)
        for model in ("user", "group")
        for page, args in (("changelist", ()), ("add", ()), ("change", (model,)), ("history", (model,)))
    ),
    Row("admin:auth_user_delete", ADMIN, ADMIN, ("user",)),
    Row("admin:auth_group_delete", ADMIN, ADMIN, ("group",)),
    Row("admin:auth_user_password_change", ADMIN, ADMIN, ("user",)),
    *(
        row
        for model, arg in (("auditentry", "entry"), ("eventtype", "type_id"), ("typedecision", "decision"))
        for row in (
            Row(f"admin:promotion_{model}_changelist", ADMIN, ADMIN),
            Row(f"admin:promotion_{model}_add", ADMIN_403, ADMIN_403),
            Row(f"admin:promotion_{model}_change", ADMIN, ADMIN_403, (arg,)),
            Row(f"admin:promotion_{model}_delete", ADMIN_403, ADMIN_403, (arg,)),
            Row(f"admin:promotion_{model}_history", ADMIN, ADMIN, (arg,)),
        )
    ),
]


@pytest.fixture
def world() -> dict[str, Any]:
    """One of everything that a URL names."""
    promotion = cast.exported()
    protected = cast.exported(title="Protected", target=cast.environment("prod", protected=True))
    old_plan = cast.plan(protected)
    draft = EnvironmentDraft.objects.create(author=cast.user("curator"), fields={"name": "uat"})
    upload = Upload.objects.create(promotion=promotion, author=cast.user("manager"), file_name="events.jsonl")
    decision = TypeDecision.objects.get()
    schema_row = EnvironmentSchema.objects.create(
        environment=promotion.source, schema=decision.event_type.schema, added_by=cast.user("curator")
    )
    return {
        "promotion": promotion.pk,
        "protected": protected.pk,
        "old_plan": old_plan.pk,
        "protected_plan": cast.plan(protected).pk,
        "event": promotion.events.get().pk,
        "upload": upload.pk,
        "rule": cast.rule(promotion, applied=True)["id"],
        "draft": draft.pk,
        "rule_set": cast.rule_set().rule_set_id,
        "environment": "dev",
        "target": "sit",
        "schema_row": schema_row.pk,
        "webhook": cast.webhook().pk,
        "type": API,
        "type_id": decision.event_type_id,
        "decision": decision.pk,
        "entry": AuditEntry.objects.latest("pk").pk,
        "user": User.objects.create_user("somebody").pk,
        "group": Group.objects.create(name="a group").pk,
        "id": "0",
        "app": "auth",
    }


@pytest.fixture
def clients() -> dict[str, Client]:
    """A browser for each of WHO, logged in but for the anonymous one."""
    made = {who: Client() for who in WHO}
    for who in WHO[1:]:
        made[who].force_login(User.objects.create_user("nobody") if who == "nobody" else cast.user(who))
    return made


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_each_role_may_do_what_the_table_says(world: dict[str, Any], clients: dict[str, Client], row: Row) -> None:
    url = reverse(row.name, args=[world[name] for name in row.args])
    wrong = {}
    for method in ("get", "post"):
        for who, expected in zip(WHO, getattr(row, method), strict=True):
            answer = _status(clients[who], method, url)
            if answer != expected:
                wrong[f"{method} as {who}"] = f"{answer}, not {expected}"
    assert wrong == {}


def test_every_url_has_a_row() -> None:
    names = [row.name for row in ROWS]
    assert sorted(names) == sorted(set(names))
    there = set(_names(get_resolver()))
    assert (there - set(names), set(names) - there) == (set(), set())


def test_an_anonymous_visitor_is_led_to_the_login_and_back(client: Client) -> None:
    assert client.get("/audit/?verb=export")["Location"] == "/accounts/login/?next=/audit/%3Fverb%3Dexport"


def test_a_user_who_is_no_longer_active_is_out(client: Client) -> None:
    curator = cast.user("curator")
    client.force_login(curator)
    User.objects.filter(pk=curator.pk).update(is_active=False)
    assert client.get("/").status_code == 302


@pytest.mark.parametrize(("path", "status"), [("/no/such/page/", 404), ("/promotions/0/", 404)])
def test_a_page_that_is_not_there_is_one_of_ours(client: Client, path: str, status: int) -> None:
    client.force_login(cast.user("viewer"))
    answer = client.get(path)
    assert answer.status_code == status
    assert "There is nothing here" in answer.content.decode()
    assert 'aria-label="Main"' in answer.content.decode()


def test_a_refusal_is_a_page_that_says_who_could_do_it(client: Client) -> None:
    client.force_login(cast.user("viewer"))
    answer = client.get("/promotions/new/")
    assert answer.status_code == 403
    assert "You may not do this" in answer.content.decode()
    assert "release manager" in answer.content.decode()


def test_a_refusal_to_htmx_is_a_notice_beside_the_page(client: Client) -> None:
    client.force_login(cast.user("viewer"))
    answer = client.get("/promotions/new/", headers={"HX-Request": "true"})
    assert (answer.status_code, answer["HX-Retarget"]) == (403, "#toasts")
    assert "<html" not in answer.content.decode()


def test_an_error_of_the_server_is_a_page_without_a_traceback(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object) -> HttpResponseBase:
        raise RuntimeError("a secret")

    monkeypatch.setattr("promotion.views.audit.AuditFilter", fail)
    client.force_login(cast.user("viewer"))
    client.raise_request_exception = False
    answer = client.get("/audit/")
    assert answer.status_code == 500
    assert "a secret" not in answer.content.decode()
    assert "<h1>" in answer.content.decode()


def test_every_page_forbids_inline_scripts_and_styles(client: Client) -> None:
    client.force_login(cast.user("admin"))
    for path in ("/", "/audit/", "/event-types/", "/admin/", "/no/such/page/"):
        policy = client.get(path)["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy


def _status(client: Client, method: str, url: str) -> int:
    """Ask, and undo whatever that changed."""
    with transaction.atomic():
        status: int = getattr(client, method)(url).status_code
        transaction.set_rollback(True)
    return status


def _names(resolver: URLResolver, namespace: str = "") -> Iterator[str]:
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLResolver):
            inner = f"{namespace}{pattern.namespace}:" if pattern.namespace else namespace
            yield from _names(pattern, inner)
        # The admin's nameless patterns only lead on to the named ones, or to 404.
        elif isinstance(pattern, URLPattern) and pattern.name:
            yield f"{namespace}{pattern.name}"
