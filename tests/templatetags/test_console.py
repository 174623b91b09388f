from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django import forms
from django.conf import settings
from django.template import engines
from django.template.loader import render_to_string
from django.test import RequestFactory
from hypothesis import given
from hypothesis import strategies as st

from promotion.domain.diff import differences
from promotion.domain.shown_difference import shown_differences
from promotion.errors import Refused
from promotion.states import Decision, Disposition, JobState, PromotionState, RevisionKind
from promotion.templatetags.console import duration, listed, number, percent
from promotion.templatetags.states import look_of

HOSTILE = """<script>alert(1)</script>"'&"""
TEMPLATES = Path(settings.BASE_DIR) / "templates"


def render(source: str, **context: Any) -> str:
    return engines["django"].from_string("{% load console %}" + source).render(context)


def with_request(source: str, path: str = "/", **context: Any) -> str:
    request = RequestFactory().get(path)
    return engines["django"].from_string("{% load console %}" + source).render(context, request)


class Sample(forms.Form):
    q = forms.CharField(required=False, label="Text")
    type = forms.MultipleChoiceField(
        required=False, label="Type", choices=[("Group", [("a", "Api")]), ("r", "Role"), ("c", "Config")]
    )
    edited = forms.BooleanField(required=False, label="Edited only")
    after = forms.CharField(required=False, widget=forms.HiddenInput)


class Required(forms.Form):
    name = forms.CharField(help_text="As people say it.")

    def clean(self) -> None:
        raise forms.ValidationError("The two do not fit.")


# Each tag that shows what it was given.
@pytest.mark.parametrize(
    "source",
    [
        "{% state_chip hostile %}",
        "{% state_chip 'draft' label=hostile %}",
        "{% chip hostile hostile %}",
        "{% env_badge environment %}",
        "{% env_badge environment url=hostile %}",
        "{% env_bar environment hostile %}",
        "{% banner hostile hostile hostile problems=problems %}",
        "{% banner error=error %}",
        "{% pager hostile hostile hostile hostile %}",
        "{% progress 1 2 label=hostile unit=hostile tone=hostile facts=problems %}",
        "{% steps steps hostile %}",
        "{% empty hostile hostile hostile hostile %}",
        "{% copyable hostile label=hostile %}",
        "{% copyable hostile short=8 %}",
        "{% icon 'lock' label=hostile css=hostile %}",
        "{% json_editor 'text' hostile hostile original=hostile problems=marks schema=schema check_url=hostile %}",
        "{% json_diff hostile hostile hostile hostile %}",
        "{% include 'components/diff_table.html' with rows=rows caption=hostile %}",
        "{% include 'components/env_route.html' with of=route %}",
        "{{ hostile|number }}",
    ],
)
def test_no_component_lets_markup_through(source: str) -> None:
    html = render(
        source,
        hostile=HOSTILE,
        problems=[HOSTILE],
        environment=SimpleNamespace(name=HOSTILE, color=HOSTILE, protected=True),
        route=SimpleNamespace(
            source=None,
            source_name=HOSTILE,
            amends_id=None,
            get_origin_display=HOSTILE,
            target=SimpleNamespace(name=HOSTILE, color=HOSTILE, protected=True),
        ),
        error=Refused(HOSTILE, HOSTILE, [HOSTILE]),
        steps=[{"label": HOSTILE, "state": HOSTILE, "url": HOSTILE, "note": HOSTILE}],
        marks=[{"path": HOSTILE, "message": HOSTILE}],
        rows=shown_differences(
            differences({HOSTILE: HOSTILE, "a": [HOSTILE]}, {HOSTILE: f"{HOSTILE} x", "b": {HOSTILE: HOSTILE}})
        ),
        schema=[{"kind": "record", "says": HOSTILE, "tag": HOSTILE, "fields": [[HOSTILE, -1, HOSTILE, HOSTILE]]}],
    )

    assert "<script>" not in html
    assert '"\'&"' not in html.replace("&quot;", "")
    assert "alert(1)" in html or "short" in source


def test_filter_chips_let_no_markup_through() -> None:
    path = "/?q=%3Cscript%3E%22&type=%3Cscript%3E%22"

    html = with_request("{% filter_chips form %}", path, form=Sample())

    assert "<script>" not in html
    assert html.count("&lt;script&gt;&quot;") >= 2


@pytest.mark.parametrize("choices", [PromotionState, JobState, Disposition, Decision, RevisionKind])
def test_every_state_has_a_look_and_keeps_its_own_word(choices: Any) -> None:
    for state in choices:
        assert look_of(state).label == state.label
        assert look_of(state).icon != "dot", state
        assert look_of(state.value)[:2] == look_of(state)[:2]


def test_a_state_that_nobody_listed_is_shown_plainly() -> None:
    assert look_of("out_of_hand") == ("neutral", "dot", "Out of hand")
    assert look_of(None).label == "Unknown"


def test_every_icon_that_a_template_or_a_state_names_is_drawn() -> None:
    drawn = set(re.findall(r'<symbol id="([^"]+)"', (Path(settings.BASE_DIR) / "static/icons.svg").read_text()))
    used = {
        name
        for template in TEMPLATES.rglob("*.html")
        for name in re.findall(r'{% (?:icon|nav_link "\S+" "[^"]+") "([^"]+)"', template.read_text())
    }
    looks = {look_of(state).icon for choices in (PromotionState, JobState, Disposition) for state in choices}

    assert used
    assert used | looks <= drawn


def test_no_template_has_what_the_policy_refuses() -> None:
    refused = re.compile(
        r"<script(?![^>]*(\bsrc=|application/json))|<style|\sstyle=|\son[a-z]+=|hx-on|javascript:", re.I
    )
    found = [
        f"{template.relative_to(TEMPLATES)}: {match.group(0)}"
        for template in TEMPLATES.rglob("*.html")
        for match in refused.finditer(template.read_text())
    ]

    assert found == []


def test_a_chip_is_made_of_each_active_filter_and_its_link_leaves_out_that_one_alone() -> None:
    html = with_request("{% filter_chips form %}", "/?q=a+b&type=a&type=r&edited=on&after=9", form=Sample())

    texts = [re.sub(r"<[^>]+>", "", each) for each in re.findall(r'class="filter-chip">(.*?)</li>', html)]
    links = [each.replace("&amp;", "&") for each in re.findall(r'<a href="(\?[^"]*)"', html)]
    assert texts == ["Text: a b", "Type: Api", "Type: Role", "Edited only"]
    assert links == [
        "?type=a&type=r&edited=on",
        "?q=a+b&type=r&edited=on",
        "?q=a+b&type=a&edited=on",
        "?q=a+b&type=a&type=r",
    ]


def test_without_an_active_filter_there_are_no_chips() -> None:
    assert with_request("{% filter_chips form %}", "/?q=&after=9", form=Sample()).strip() == ""


def test_an_error_stands_at_its_field_and_is_read_out_with_it() -> None:
    html = render("{% field form.name %}", form=Required({"name": ""}))

    described = re.search(r'aria-describedby="([^"]+)"', html)
    assert described
    for identifier in described.group(1).split():
        assert f'id="{identifier}"' in html
    assert "This field is required." in html
    assert "As people say it." in html
    assert "(optional)" not in html


def test_the_errors_of_a_form_name_the_form_s_own_and_lead_to_the_fields() -> None:
    html = render("{% form_errors form %}", form=Required({"name": ""}))

    assert "The two do not fit." in html
    assert '<a href="#id_name">Name</a>' in html


def test_a_banner_of_an_error_says_message_hint_and_every_problem() -> None:
    html = render("{% banner error=error %}", error=Refused("It is refused.", "Mend it.", ["First.", "Second."]))

    assert 'role="alert"' in html
    for text in ("It is refused.", "Mend it.", "<li>First.</li>", "<li>Second.</li>"):
        assert text in html


def test_a_protected_environment_says_so_on_its_badge_and_its_bar() -> None:
    prod = SimpleNamespace(name="prod", color="red", protected=True)
    dev = SimpleNamespace(name="dev", color="blue", protected=False)

    assert 'aria-label="protected"' in render("{% env_badge e %}", e=prod)
    assert "Protected" in render("{% env_bar e %}", e=prod)
    assert "rotected" not in render("{% env_badge e %}{% env_bar e %}", e=dev)


def test_progress_knows_its_share_and_an_unknown_total_has_none() -> None:
    assert 'max="4812" value="1204"' in render("{% progress 1204 4812 %}")
    assert 'max="1" value="1"' in render("{% progress 0 0 %}")
    assert "value=" not in render("{% progress 512 None %}")


def test_progress_beyond_its_total_is_no_invalid_element() -> None:
    assert 'max="10" value="10"' in render("{% progress 12 10 %}")


def test_a_moment_is_machine_readable_and_says_utc() -> None:
    moment = datetime(2025, 11, 24, 4, 7, 12, tzinfo=timezone(timedelta(hours=1)))

    html = render("{% localtime moment %}", moment=moment)

    assert 'datetime="2025-11-24T03:07:12.000+00:00"' in html
    assert ">2025-11-24 03:07:12 UTC<" in html
    assert render("{% localtime moment %}", moment=int(moment.timestamp() * 1000)) == html


@given(st.integers(-(2**63), 2**63 - 1))
def test_every_timestamp_that_kafka_can_carry_can_be_shown(milliseconds: int) -> None:
    html = render("{% localtime moment %}", moment=milliseconds)

    assert "<time" in html or f"{milliseconds:,}" in html


def test_nothing_is_shown_as_a_dash() -> None:
    assert render("{% localtime none %}{{ none|number }}{{ none|percent:2 }}{{ none|duration }}", none=None) == "––––"


def test_numbers_have_separators_and_other_things_stay_as_they_are() -> None:
    assert [number(1048576), number(-1000), number(0), number("x1000")] == ["1,048,576", "-1,000", "0", "x1000"]


def test_a_share_is_never_rounded_to_all_or_to_nothing() -> None:
    assert percent(2, 5663) == "<0.1 %"
    assert percent(0, 5663) == "0 %"
    assert percent(4811, 4812) == "99.9 %"
    assert percent(4812, 4812) == "100 %"
    assert percent(1, 4) == "25 %"
    assert percent(1, 0) == "–"


def test_a_duration_uses_two_units_at_most() -> None:
    assert [duration(s) for s in (0, 59.9, 60, 3599, 3600, 90061)] == [
        "0 s", "59 s", "1 min 00 s", "59 min 59 s", "1 h 00 min", "25 h 01 min",
    ]  # fmt: skip


def test_a_long_id_is_shortened_on_the_screen_and_copied_whole() -> None:
    value = "01964b05-552a-7c4b-9184-6857e7f3dc5f"

    html = render("{% copyable value short=13 %}", value=value)

    assert ">01964b05…dc5f<" in html
    assert f'data-copy="{value}"' in html


def test_the_editor_gets_the_text_as_it_stands() -> None:
    text = '\n{"nonce": 9007199254740993, "amount": 1.10}\n'

    html = render("{% json_editor 'outgoing' text %}", text=text)

    # HTML drops the one line feed after the tag; the text's own first one must survive it.
    assert "&quot;nonce&quot;: 9007199254740993, &quot;amount&quot;: 1.10" in html
    assert re.search(r"<textarea[^>]*>\n\n{", html)


def test_a_script_element_of_problems_cannot_be_closed_by_an_event() -> None:
    html = render("{% json_editor 't' '{}' problems=p %}", p=[{"path": ["</script>"], "message": "</script><b>"}])

    assert html.count("</script>") == 1


def test_a_link_with_filters_encodes_them() -> None:
    assert render("{% url_with '/x/' type='a&b' host=None n=1000 %}") == "/x/?type=a%26b&amp;n=1000"


def test_the_navigation_marks_where_one_is() -> None:
    html = with_request("{% nav_link 'login' 'Log in' 'user' %}", "/accounts/login/")

    assert 'aria-current="page"' in html
    assert with_request("{% nav_link 'no:such' 'X' 'user' %}").strip() == ""


@pytest.mark.parametrize("name", ["400.html", "403_csrf.html", "500.html"])
def test_the_page_of_a_broken_request_needs_neither_request_nor_database(name: str) -> None:
    html = render_to_string(name)

    assert "<h1>" in html
    assert "build/console.css" in html


@pytest.mark.parametrize("name", ["403.html", "404.html"])
def test_an_error_page_renders_for_somebody_not_logged_in(name: str) -> None:
    html = render_to_string(name, {"exception": HOSTILE}, RequestFactory().get("/"))

    assert "<h1>" in html
    assert "<script>alert" not in html


@pytest.mark.parametrize(("cookie", "expected"), [("dark", 'data-theme="dark"'), ("light", 'data-theme="light"')])
def test_the_server_renders_the_theme_that_was_chosen(cookie: str, expected: str) -> None:
    request = RequestFactory(headers={"cookie": f"theme={cookie}"}).get("/")

    assert expected in render_to_string("404.html", {}, request)


def test_a_forged_theme_is_not_written_into_the_page() -> None:
    request = RequestFactory(headers={"cookie": 'theme="><script>'}).get("/")

    assert '<html lang="en">' in render_to_string("404.html", {}, request)


def test_a_moment_whose_utc_no_calendar_holds_is_no_crash() -> None:
    early = datetime.min.replace(tzinfo=timezone(timedelta(hours=5)))

    assert "0001" in render("{% localtime moment %}", moment=early)


def test_a_long_problem_that_names_many_things_unfolds_into_a_list() -> None:
    things = "; ".join(f"Service {number:040}" for number in range(8))
    assert listed(f"They refer to 8 things: {things}.") == {
        "lead": "They refer to 8 things",
        "items": f"{things}.".split("; "),
    }
    for short in ("It is short: one; two.", "x" * 400, "No list: " + "y" * 400):
        assert listed(short) == {"lead": short, "items": []}
