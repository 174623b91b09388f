"""Rewrite rules in templates: their names and sentences, and the values that they change."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from django import template

from promotion.views.rule_lines import name_of, sentence

register = template.Library()
register.filter("rule_name", name_of)
register.filter("rule_sentence", sentence)


@register.simple_tag
def suggestion(type_name: str, action: dict[str, Any]) -> str:
    """A rule for events of one type, for the URL of the page that writes rules."""
    return quote(json.dumps([type_name, action], separators=(",", ":")), safe="")
