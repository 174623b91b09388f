"""How the content of events is shown: visible to the last character."""

from django import template

from promotion.domain import octets

register = template.Library()
register.filter("visible", octets.visible)
