"""The installation's own name, carried by transactional ids so that a copied database fences nobody else's."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q


class Installation(models.Model):
    """Exactly one row, made by a migration."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    uuid = models.UUIDField(default=uuid.uuid4)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="installation_is_one")]

    def __str__(self) -> str:
        return str(self.uuid)
