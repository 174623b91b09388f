"""Django's admin: people and groups are managed here and audited; of the console's own tables, some can be read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, Permission, User
from django.db import models, transaction
from django.forms import CheckboxSelectMultiple, ModelMultipleChoiceField
from django.http import HttpRequest, HttpResponse
from django_rq.models import Dashboard

from promotion.actions import audit
from promotion.models import AuditEntry, EventType, TypeDecision
from promotion.policy import WHAT

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Any]  # type arguments that Django's own classes do not take
    BaseUserAdmin = UserAdmin[User]
    RightsFieldBase = ModelMultipleChoiceField[Permission]
else:
    ModelAdmin = admin.ModelAdmin
    BaseUserAdmin = UserAdmin
    RightsFieldBase = ModelMultipleChoiceField


def _describe(person: models.Model) -> dict[str, Any]:
    """What the audit trail says of a user or a group: names and rights, never a password."""
    if isinstance(person, User):
        fields = ("username", "email", "first_name", "last_name", "is_active", "is_staff", "is_superuser")
        groups = sorted(person.groups.values_list("name", flat=True))
        own = sorted(person.user_permissions.values_list("codename", flat=True))
        return {field: getattr(person, field) for field in fields} | {"groups": groups, "permissions": own}
    if isinstance(person, Group):
        return {"name": person.name, "permissions": sorted(person.permissions.values_list("codename", flat=True))}
    return {}


class AuditedAdmin(ModelAdmin):
    """Writes the audit entry where Django writes its own log: in the transaction that makes the change."""

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Remember what the row was like, then save it."""
        if change:
            obj.described_before = _describe(self.model.objects.get(pk=obj.pk))
        super().save_model(request, obj, form, change)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Show the list; what its actions delete and their audit entries are written together."""
        with transaction.atomic():
            return super().changelist_view(request, extra_context)

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Audit a new user or group."""
        audit.record(request.user, "create", obj, after=_describe(obj))  # type: ignore[arg-type]
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Audit a change, a new password too: without the password, there is no difference to show."""
        before, after = audit.changes(getattr(obj, "described_before", None) or _describe(obj), _describe(obj))
        verb = "change" if hasattr(obj, "described_before") else "change password"
        audit.record(request.user, verb, obj, before=before or None, after=after or None)  # type: ignore[arg-type]
        return super().log_change(request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        """Audit each user or group that is about to be deleted."""
        for obj in queryset:
            audit.record(request.user, "delete", obj, before=_describe(obj))  # type: ignore[arg-type]
        return super().log_deletions(request, queryset)


class ReadOnlyAdmin(ModelAdmin):
    """To look at, by admins. Changes go through the console, where they have a reason and are audited."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody adds."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody changes."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody deletes."""
        return False


# The queue's own page can requeue and delete what the job's row knows nothing of.
admin.site.unregister([User, Group, Dashboard])


@admin.register(User)
class PersonAdmin(AuditedAdmin, BaseUserAdmin):
    """Users: who they are and which groups they are in."""

    list_display = ("username", "email", "in_groups", "is_active", "is_superuser", "last_login")
    readonly_fields = ("last_login", "date_joined")
    filter_horizontal = ()
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        ("Who it is", {"fields": ("first_name", "last_name", "email")}),
        ("What they may do", {"fields": ("is_active", "groups", "is_staff", "is_superuser")}),
        ("Dates", {"fields": ("last_login", "date_joined")}),
    )

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Groups are few: all of them stand there to be ticked."""
        return super().formfield_for_manytomany(db_field, request, **kwargs, widget=CheckboxSelectMultiple)

    def get_queryset(self, request: HttpRequest) -> Any:
        """Load the groups along."""
        return super().get_queryset(request).prefetch_related("groups")

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:
        """Set a password; it and its audit entry are written together."""
        with transaction.atomic():
            return super().user_change_password(request, id, form_url)

    @admin.display(description="groups")
    def in_groups(self, user: User) -> str:
        """The names of a user's groups."""
        return ", ".join(sorted(group.name for group in user.groups.all())) or "–"  # noqa: RUF001


class RightsField(RightsFieldBase):
    """Rights by what they allow, without the table that they hang on."""

    def label_from_instance(self, obj: Any) -> str:
        """Its sentence."""
        return str(obj.name)


@admin.register(Group)
class RoleAdmin(AuditedAdmin, GroupAdmin):
    """Groups: the roles, and what each may do."""

    filter_horizontal = ()

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest | None = None, **kwargs: Any) -> Any:
        """Only what the console asks for can be ticked; Django's rights over single tables mean nothing here."""
        rights = Permission.objects.filter(content_type__app_label="promotion", codename__in=map(_codename, WHAT))
        kwargs |= {"queryset": rights.order_by("name"), "widget": CheckboxSelectMultiple, "form_class": RightsField}
        return super(GroupAdmin, self).formfield_for_manytomany(db_field, request, **kwargs)  # type: ignore[arg-type]


def _codename(permission: str) -> str:
    return permission.rpartition(".")[2]


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    """The audit trail."""

    list_display = ("at", "actor_name", "verb", "object_type", "object_label", "origin")
    list_filter = ("verb", "object_type")
    search_fields = ("actor_name", "object_label", "reason")


@admin.register(EventType)
class EventTypeAdmin(ReadOnlyAdmin):
    """The catalogue."""

    list_display = ("full_name", "category", "decision", "decided_by", "decided_at", "in_catalogue")
    list_filter = ("decision", "category", "in_catalogue")
    list_select_related = ("decided_by",)
    search_fields = ("full_name",)


@admin.register(TypeDecision)
class TypeDecisionAdmin(ReadOnlyAdmin):
    """The history of decisions."""

    list_display = ("event_type", "decision", "reason", "decided_by", "decided_at")
    list_filter = ("decision",)
    list_select_related = ("event_type", "decided_by")
    search_fields = ("event_type__full_name", "reason")
