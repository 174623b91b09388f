"""Who may do what. Every action asks here first; pages ask to know which buttons to show."""

from __future__ import annotations

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User

from promotion.errors import Refused

Actor = User

VIEW = "promotion.view_console"
MANAGE = "promotion.manage_promotion"
APPROVE = "promotion.approve_promotion"
CURATE = "promotion.curate_event_types"
ENVIRONMENTS = "promotion.manage_environments"
SENSITIVE = "promotion.see_sensitive"

#: The groups that a migration makes, and what each may do. Admins are superusers.
GROUPS: dict[str, tuple[str, ...]] = {
    "viewer": (VIEW,),
    "release manager": (VIEW, MANAGE),
    "approver": (VIEW, APPROVE),
    "curator": (VIEW, CURATE, ENVIRONMENTS),
    # Held beside another group: who edits events need not know passwords.
    "sensitive reader": (VIEW, SENSITIVE),
}

WHAT = {
    VIEW: "read the console",
    MANAGE: "create, export, edit and replay promotions",
    APPROVE: "approve plans",
    CURATE: "decide which event types travel",
    ENVIRONMENTS: "change environments",
    SENSITIVE: "see the values of sensitive fields",
}


def may(user: AbstractBaseUser | AnonymousUser, permission: str) -> bool:
    """Return whether `user` is active and has `permission`, one of the names above."""
    return bool(user.is_active and getattr(user, "has_perm", lambda _: False)(permission))


def require(user: AbstractBaseUser | AnonymousUser, permission: str) -> None:
    """Raise Refused, naming the groups that could do it, unless `user` has `permission`."""
    if may(user, permission):
        return
    groups = " or ".join(sorted(f"'{group}'" for group, granted in GROUPS.items() if permission in granted))
    raise Refused(
        f"{user.get_username() or 'An anonymous visitor'} may not {WHAT[permission]}.",
        f"Somebody in the group {groups} can, or an admin.",
    )
