"""The demo's people: one account for each role, with passwords made once and kept beside the demo's data."""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path

from django.contrib.auth.models import Group, User

ROLES = {"viewer": "viewer", "manager": "release manager", "approver": "approver", "curator": "curator", "admin": None}
Accounts = dict[str, dict[str, str]]


def make_accounts(directory: Path) -> Accounts:
    """Return `{role: {"username", "password"}}`, making what is not there yet in `directory`/accounts.json (0600)."""
    accounts = _kept(directory / "accounts.json")
    for role, group in ROLES.items():
        user, _ = User.objects.get_or_create(username=accounts[role]["username"])
        if not user.check_password(accounts[role]["password"]):
            user.set_password(accounts[role]["password"])
        user.is_staff = user.is_superuser = group is None
        user.save()
        user.groups.set(Group.objects.filter(name=group))
    return accounts


def _kept(file: Path) -> Accounts:
    if file.exists():
        accounts: Accounts = json.loads(file.read_text())
        return accounts
    accounts = {role: {"username": role, "password": secrets.token_urlsafe(9)} for role in ROLES}
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        json.dump(accounts, stream, indent=2)
    return accounts
