"""The Django app."""

from django.apps import AppConfig


class PromotionConfig(AppConfig):
    """Promotions, environments, event types."""

    name = "promotion"
    verbose_name = "Promotion"
