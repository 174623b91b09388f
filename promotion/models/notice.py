"""Who is told when a job has ended: by e-mail who asked, by webhook who was set up for it."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q

from promotion.models.job import PromotionJob
from promotion.models.promotion import Promotion


class Watch(models.Model):
    """Somebody who wants an e-mail when a job of this promotion has ended."""

    promotion = models.ForeignKey(Promotion, on_delete=models.CASCADE, related_name="watches")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="watches")
    since = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["promotion", "user"], name="watch_once")]

    def __str__(self) -> str:
        return f"{self.user_id} watches {self.promotion_id}"


class Webhook(models.Model):
    """An address that is told of every job's end. `secret` is encrypted; see promotion/actions/secrets.py."""

    name = models.CharField(max_length=100, unique=True)
    url = models.CharField(max_length=500)
    secret = models.TextField()
    active = models.BooleanField(default=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class NoticeQuerySet(models.QuerySet["Notice"]):
    """Queries over notices."""

    def open(self) -> NoticeQuerySet:
        """Neither sent nor given up."""
        return self.filter(sent_at__isnull=True, given_up_at__isnull=True)


class Notice(models.Model):
    """One message to one receiver about one job's end, written in the transaction that ended it; sent afterwards."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    job = models.ForeignKey(PromotionJob, on_delete=models.CASCADE, related_name="notices")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.CASCADE, related_name="+")
    webhook = models.ForeignKey(Webhook, null=True, on_delete=models.CASCADE, related_name="notices")
    created_at = models.DateTimeField(auto_now_add=True)
    due_at = models.DateTimeField()
    attempts = models.PositiveIntegerField(default=0)
    sent_at = models.DateTimeField(null=True)
    given_up_at = models.DateTimeField(null=True)
    error = models.TextField(blank=True)

    objects = NoticeQuerySet.as_manager()

    class Meta:
        ordering = ["created_at"]
        constraints = [
            models.UniqueConstraint(fields=["job", "user"], name="notice_once_a_user"),
            models.UniqueConstraint(fields=["job", "webhook"], name="notice_once_a_webhook"),
            models.CheckConstraint(
                condition=Q(user__isnull=False) ^ Q(webhook__isnull=False), name="notice_has_one_receiver"
            ),
        ]
        indexes = [
            models.Index(
                fields=["due_at"], condition=Q(sent_at__isnull=True, given_up_at__isnull=True), name="notice_open"
            )
        ]

    def __str__(self) -> str:
        return f"notice {self.pk}"
