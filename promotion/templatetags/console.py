"""The console's components as template tags and filters. Every value is escaped: event content is hostile.

Inclusion tags render the partials in templates/components/, which may be included directly as well.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from django import template
from django.forms import BaseForm, BoundField
from django.forms.utils import flatatt
from django.template.context import Context, RequestContext
from django.templatetags.static import static
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from promotion.templatetags.filtering import Chip, chips_of
from promotion.templatetags.states import look_of

register = template.Library()

NOTHING = "–"  # noqa: RUF001 (an en dash, as the typography wants)
_LEVELS = {"debug": "neutral", "info": "info", "success": "success", "warning": "warn", "error": "error"}
_BANNER_ICONS = {"info": "info", "success": "success", "warn": "warning", "error": "error", "neutral": "info"}


@register.simple_tag
def icon(name: str, label: str = "", css: str = "") -> SafeString:
    """An icon of static/icons.svg. Without a label it is decoration, hidden from screen readers."""
    said = format_html('role="img" aria-label="{}"', label) if label else SafeString('aria-hidden="true"')
    return format_html(
        '<svg class="icon{}" {} focusable="false"><use href="{}#{}"/></svg>',
        f" {css}" if css else "",
        said,
        static("icons.svg"),
        name,
    )


@register.inclusion_tag("components/state_chip.html")
def state_chip(state: object, label: str = "") -> dict[str, str]:
    """A chip for a state: a string or a TextChoices member. `label` replaces the word."""
    tone, icon_name, word = look_of(state)
    return {"tone": tone, "icon": icon_name, "label": label or word}


@register.inclusion_tag("components/chip.html")
def chip(label: object, tone: str = "neutral", icon: str = "") -> dict[str, object]:
    """A chip of one's own: any text, a tone, an icon."""
    return {"label": label, "tone": tone, "icon": icon}


@register.inclusion_tag("components/env_badge.html")
def env_badge(environment: Any, url: str = "") -> dict[str, Any]:
    """An environment's name in its colour, with a lock where it is protected."""
    return {"environment": environment, "url": url}


@register.inclusion_tag("components/env_bar.html")
def env_bar(environment: Any, says: str = "This page changes") -> dict[str, Any]:
    """The coloured strip of a page that can change an environment; goes into the block `environment`."""
    return {"environment": environment, "says": says}


@register.inclusion_tag("components/banner.html")
def banner(
    tone: str = "info",
    title: object = "",
    hint: object = "",
    problems: Sequence[object] = (),
    error: Any = None,
    *,
    dismiss: bool = False,
) -> dict[str, object]:
    """A banner of tone info, success, warn or error; from `error` (a PromotionError) it takes message, hint, problems.

    `dismiss` adds a button that closes it.
    """
    if error is not None:
        tone, title = "error", getattr(error, "message", str(error))
        hint, problems = getattr(error, "hint", ""), getattr(error, "problems", ())
    return {"tone": tone, "title": title, "hint": hint, "problems": problems, "dismiss": dismiss}


@register.filter
def message_tone(level: str) -> str:
    """The tone of a message of django.contrib.messages, from its level tag."""
    return _LEVELS.get(level, "info")


@register.filter
def banner_icon(tone: str) -> str:
    """The icon of a banner's tone."""
    return _BANNER_ICONS.get(tone, "info")


@register.inclusion_tag("components/field.html")
def field(bound: BoundField, label: str = "", css: str = "", *, quiet: bool = False) -> dict[str, object]:
    """A form field with its label, help and errors, joined by aria-describedby (which Django sets).

    `quiet` leaves the word "(optional)" out: for filters, where everything is.
    """
    kind = bound.widget_type
    layout = "check" if kind == "checkbox" else "options" if bound.field.widget.use_fieldset else ""
    return {"field": bound, "label": label or bound.label, "layout": layout, "css": css, "quiet": quiet}


@register.inclusion_tag("components/form_errors.html")
def form_errors(form: BaseForm) -> dict[str, object]:
    """The errors of the form as a whole, and links to the fields that have one."""
    wrong = [form[name] for name in form.errors if name in form.fields]
    return {"errors": form.non_field_errors(), "fields": [each for each in wrong if not each.is_hidden]}


@register.inclusion_tag("components/filter_chips.html", takes_context=True)
def filter_chips(context: RequestContext, form: BaseForm) -> dict[str, object]:
    """A chip for each active filter of a form bound to request.GET; its x is a link without that one value."""
    chips: list[Chip] = chips_of(form, context["request"].GET)
    return {"chips": chips, "clear_url": context["request"].path}


@register.inclusion_tag("components/pager.html")
def pager(previous_url: str = "", next_url: str = "", summary: str = "", target: str = "") -> dict[str, str]:
    """Keyset paging: a link is there when its URL is. With `target` (a CSS selector) htmx swaps that element alone."""
    return {"previous_url": previous_url, "next_url": next_url, "summary": summary, "target": target}


@register.inclusion_tag("components/progress.html")
def progress(
    value: int | None,
    total: int | None,
    label: str = "",
    unit: str = "",
    tone: str = "",
    facts: Iterable[object] = (),
    elapsed: int | None = None,
) -> dict[str, object]:
    """`value` of `total` as a native progress element; without a total it is indeterminate. `facts` stand below it.

    `elapsed` are seconds that the browser goes on counting. For a job of a promotion there is `job_progress`.
    """
    done = value or 0
    return {
        "value": done,
        "total": total,
        "max": max(total or 0, 1),
        "shown": min(done, total) if total else int(total == 0),
        "label": label,
        "unit": unit,
        "tone": tone,
        "facts": [fact for fact in facts if fact],
        "elapsed": elapsed,
    }


@register.inclusion_tag("components/steps.html")
def steps(items: Sequence[Mapping[str, str]], label: str = "Steps") -> dict[str, object]:
    """The steps of a promotion: mappings with label, state (done, current, todo, failed), and perhaps url and note."""
    return {"items": items, "label": label}


@register.inclusion_tag("components/empty.html")
def empty(title: str, text: str = "", url: str = "", action: str = "", icon: str = "inbox") -> dict[str, str]:
    """An empty state that says what to do first; the button needs both `url` and `action`."""
    return {"title": title, "text": text, "url": url, "action": action, "icon": icon}


@register.inclusion_tag("components/copyable.html")
def copyable(value: object, short: int = 0, label: str = "") -> dict[str, object]:
    """A monospace value with a copy button; above `short` characters its middle is left out on the screen."""
    text = "" if value is None else str(value)
    head = max(short - 5, 1)
    shown = f"{text[:head]}…{text[-4:]}" if short and len(text) > short else text
    return {"text": text, "shown": shown, "label": label}


@register.simple_tag
def localtime(moment: datetime | int | None, style: str = "") -> SafeString | str:
    """A moment in the viewer's zone, in UTC without JavaScript. Takes an aware datetime or epoch milliseconds.

    `style` is "" for date and time, "date", or "ago". A timestamp that no calendar holds is shown as its number.
    """
    if moment is None:
        return NOTHING
    try:
        utc = (datetime.fromtimestamp(moment / 1000, UTC) if isinstance(moment, int) else moment).astimezone(UTC)
    except (OverflowError, ValueError, OSError):
        return number(moment)
    hover = f"{utc:%Y-%m-%d %H:%M:%S} UTC"
    attributes = flatatt({"datetime": utc.isoformat(timespec="milliseconds"), "data-local": style, "title": hover})
    return format_html("<time{}>{}</time>", attributes, f"{utc:%Y-%m-%d}" if style == "date" else hover)


@register.filter
def number(value: object) -> str:
    """An integer or a float with thousands separators; anything else as it stands, None as a dash."""
    if value is None or value == "":
        return NOTHING
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.1f}" if isinstance(value, float) else str(value)


@register.filter
def percent(part: float | None, whole: float | None) -> str:
    """`part|percent:whole` with one decimal; neither 0 % of something nor 100 % of less than all.

    A dash where the whole is unknown.
    """
    if part is None or not whole:
        return NOTHING
    share = part / whole * 100
    if 0 < share < 0.1:
        return "<0.1 %"
    return f"{min(share, 99.9) if part < whole else share:.1f} %".replace(".0 %", " %")


@register.filter
def duration(seconds: float | None) -> str:
    """Seconds as `45 s`, `3 min 20 s`, `2 h 05 min`; a dash for None."""
    if seconds is None:
        return NOTHING
    whole = max(int(seconds), 0)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600:,} h {whole % 3600 // 60:02} min"


@register.inclusion_tag("components/nav_link.html", takes_context=True)
def nav_link(context: Context, name: str, label: str, icon: str, count: int = 0) -> dict[str, object]:
    """A link of the navigation, marked where the page lies under it; nothing where the URL does not exist.

    `count` is how much waits there.
    """
    try:
        url = reverse(name)
    except NoReverseMatch:
        return {"url": ""}
    request = context.get("request")
    path = request.path if request else ""
    here = "page" if path == url else "true" if url != "/" and path.startswith(url) else ""
    return {"url": url, "label": label, "icon": icon, "here": here, "count": count}


@register.simple_tag
def url_with(url: str, **parameters: object) -> str:
    """`url` with parameters in its query, each percent-encoded: for links to a page whose filters are known."""
    query = urlencode([(name, str(value)) for name, value in parameters.items() if value not in (None, "")])
    return f"{url}?{query}" if query else url


@register.inclusion_tag("components/json_editor.html")
def json_editor(
    name: str,
    text: str,
    label: str = "JSON",
    original: str | None = None,
    problems: Sequence[Mapping[str, Any]] = (),
    schema: Sequence[Mapping[str, Any]] = (),
    check_url: str = "",
    *,
    readonly: bool = False,
) -> dict[str, object]:
    """A textarea for JSON that the editor enhances; the text goes in and comes back as it stands, never parsed.

    `original` is shown beside it with the differences marked. `problems` are mappings with a `path` (`user.roles[2]`,
    or a list of names and indexes) and a `message`, shown below and at their places. `schema` is what
    promotion.domain.schema_description says of the text's type: the editor proposes names and values from it, and says
    what the field at the cursor is. To `check_url` it posts the text as one types, for the problems that saving would
    meet. The page needs editor_script.html.
    """
    said = [{"path": problem["path"], "message": str(problem["message"])} for problem in problems]
    about = {"name": name, "text": text, "label": label, "original": original, "problems": said, "readonly": readonly}
    return about | {"schema": schema, "check_url": check_url}


@register.inclusion_tag("components/json_diff.html")
def json_diff(
    original: str, outgoing: str, original_label: str = "Original", outgoing_label: str = "Outgoing"
) -> dict[str, str]:
    """Two JSON texts side by side with the differences marked; plainly side by side without JavaScript."""
    return {
        "original": original,
        "outgoing": outgoing,
        "original_label": original_label,
        "outgoing_label": outgoing_label,
    }


@register.filter
def state_tone(state: object) -> str:
    """The tone of a state, for a row or a cell that carries it: `data-tone="{{ state|state_tone }}"`."""
    return look_of(state).tone


#: A problem that is longer, and names several things, is told in one line that unfolds.
LONG_PROBLEM = 300


@register.filter
def listed(problem: object) -> dict[str, object]:
    """Split a long sentence that names things after a colon, `; ` between them, into its `lead` and its `items`."""
    text = str(problem)
    lead, colon, named = text.partition(": ")
    items = named.split("; ")
    if len(text) < LONG_PROBLEM or not colon or len(items) < 2:
        return {"lead": text, "items": []}
    return {"lead": lead, "items": items}
