"""The pages of rule sets: whoever may look sees versions and what differs, release managers change them."""

import html
import json
import re
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from promotion.actions import rule_sets
from promotion.domain.rewrite import read_rules
from promotion.forms.rule_places import placed
from promotion.models import RuleSet
from tests import cast
from tests.rules import files, stage

pytestmark = pytest.mark.django_db
HOSTILE = "<script>alert(1)</script>\u202e"


def page(client: Client, path: str, status: int = 200) -> str:
    answer = client.get(path)
    assert answer.status_code == status
    return html.unescape(answer.content.decode())


def upload(content: Any, name: str = "rules.json") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content if isinstance(content, bytes) else files.text(content).encode())


def post(client: Client, path: str, **values: Any) -> Any:
    return client.post(path, {name: value for name, value in values.items() if value is not None})


@pytest.fixture
def viewer(client: Client) -> Client:
    client.force_login(cast.user("viewer"))
    return client


def test_the_list_shows_sets_and_archived_ones_apart(viewer: Client) -> None:
    cast.rule_set("Hosts", source=cast.environment("dev"), target=cast.environment("sit"), note="For release 5.")
    old = cast.rule_set("Old one").rule_set
    rule_sets.archive(cast.user("manager"), old)
    shown = page(viewer, "/rule-sets/")
    assert "For release 5." in shown
    assert re.search(r"Archived: 1.*Old one", shown, re.DOTALL)
    assert "New rule set" not in shown
    assert 'aria-current="page"' in shown
    assert "Old one" not in page(viewer, "/rule-sets/?q=host")
    assert "Hosts" not in page(viewer, "/rule-sets/?source=sit")
    assert "No rule set fits" in page(viewer, "/rule-sets/?q=nothing")
    assert "Hosts" in page(viewer, "/rule-sets/?source=mars&target=%00")


def test_a_list_without_sets_says_what_to_do_first(viewer: Client) -> None:
    assert "Release managers write down" in page(viewer, "/rule-sets/")


def test_a_set_shows_its_rules_as_sentences_and_what_differs_between_versions(viewer: Client) -> None:
    cast.rule_set("Hosts")
    cast.rule_set("Hosts", rules=[stage.REHOST, stage.DESCRIBE], note="The users too.")
    kept = RuleSet.objects.get()
    shown = page(viewer, kept.get_absolute_url())
    assert 'In every event: replace "host-1" by "sit-host" everywhere in hostId.' in shown
    assert "Where user is user-1: set roleDesc" in shown
    assert ("The users too." in shown, "Rules of version 2" in shown) == (True, True)
    assert "1 rule</summary>" in shown
    assert "Archive" not in shown
    first = page(viewer, f"{kept.get_absolute_url()}?version=1")
    assert ("Rules of version 1" in first, "This is an earlier version." in first) == (True, True)
    for wrong in ("3", "0", "x", "9" * 30, "%00"):
        page(viewer, f"{kept.get_absolute_url()}?version={wrong}", 404)
    page(viewer, "/rule-sets/999999999999999999999/", 404)


def test_many_versions_are_shown_a_page_at_a_time_each_with_its_difference(viewer: Client) -> None:
    for number in range(25):
        cast.rule_set("Hosts", rules=[stage.REHOST | {"name": f"Name {number}"}])
    kept = RuleSet.objects.get()
    shown = page(viewer, kept.get_absolute_url())
    assert shown.count("2 rules</summary>") == 20
    [older] = re.findall(r'href="([^"]*after=[^"]*)"', shown)
    assert page(viewer, older).count("2 rules</summary>") == 4


def test_a_version_is_downloaded_as_json_under_a_name_that_harms_nobody(viewer: Client) -> None:
    kept = cast.rule_set('a"; x=/../\\é').rule_set
    cast.rule_set(kept.name, rules=[stage.DESCRIBE])
    answer = viewer.get(f"/rule-sets/{kept.pk}/download/?version=1")
    assert answer["Content-Disposition"] == 'attachment; filename="a-x-v1.json"'
    found = read_rules(answer.content)
    assert (found.origin.name, found.origin.version, found.rules[0].name) == (kept.name, 1, "Other host")
    assert read_rules(viewer.get(f"/rule-sets/{kept.pk}/download/").content).rules[0].name == "Describe"


def test_what_stands_in_rules_is_shown_and_never_done(browser: Client) -> None:
    rule = {"name": HOSTILE, "then": [{"do": "set", "path": "a", "value": HOSTILE}]}
    kept = cast.rule_set("<b>Set</b>", rules=[rule], note="<i>note</i>").rule_set
    for path in ("/rule-sets/", kept.get_absolute_url(), f"{kept.get_absolute_url()}edit/"):
        content = browser.get(path).content.decode()
        assert "<script>alert" not in content
        assert "<b>Set" not in content
        assert "<i>note" not in content
        assert "\u202e" not in content


def test_a_set_is_written_and_its_pair_chosen(browser: Client) -> None:
    cast.environment("dev"), cast.environment("sit")
    answer = post(
        browser, "/rule-sets/new/", name="Hosts", rules=files.text([stage.REHOST]), expected=1, source="dev",
        target="sit", note="First.",
    )  # fmt: skip
    version = rule_sets.version_of("Hosts")
    assert (answer.status_code, answer["Location"]) == (302, version.rule_set.get_absolute_url())
    assert (version.note, str(version.rule_set.source), str(version.author)) == ("First.", "dev", "manager")
    answer = post(browser, "/rule-sets/new/", name="Hosts", rules=files.text([stage.DESCRIBE]), expected=1)
    assert answer.status_code == 422
    assert "There is a rule set of this name" in answer.content.decode()
    pair = f"{version.rule_set.get_absolute_url()}pair/"
    assert post(browser, pair, source="dev", target="dev").status_code == 422
    assert post(browser, pair, source="mars").status_code == 422
    assert post(browser, pair, target="sit").status_code == 302
    kept = RuleSet.objects.get()
    assert (kept.source, str(kept.target)) == (None, "sit")


@pytest.mark.parametrize("spelling", files.SPELLINGS)
def test_an_older_file_becomes_a_set_as_it_is(browser: Client, spelling: str) -> None:
    content = {"replacements": files.REPLACEMENTS[spelling], "enrichments": files.ENRICHMENTS[spelling]}
    answer = post(browser, "/rule-sets/new/", name="Older", file=upload(content, "older.json"), expected=1)
    assert answer.status_code == 302
    names = [rule["name"] for rule in rule_sets.version_of("Older").rules]
    assert names == ["Replacement 1 of older.json", "Replacement 2 of older.json", "Enrichment 1 of older.json"]


def test_a_downloaded_file_becomes_the_same_set_elsewhere(browser: Client) -> None:
    cast.environment("dev")
    made = cast.rule_set("Hosts", source=cast.environment("dev"), target=cast.environment("sit"))
    content = rule_sets.to_file(made).replace('"Hosts"', '"Theirs"').replace('"sit"', '"mars"').encode()
    assert post(browser, "/rule-sets/new/", file=upload(content), expected=1).status_code == 302
    theirs = rule_sets.version_of("Theirs")
    assert (theirs.rules, str(theirs.rule_set.source), theirs.rule_set.target) == (made.rules, "dev", None)


def test_an_edit_is_a_next_version_and_nothing_changed_is_none(browser: Client) -> None:
    kept = cast.rule_set("Hosts").rule_set
    edit = f"{kept.get_absolute_url()}edit/"
    shown = page(browser, edit)
    text = re.search(r"<textarea[^>]*>\n(.*?)</textarea>", shown, re.DOTALL)[1]
    assert list(json.loads(text)[0]) == ["id", "name", "when", "then", "on_invalid"]
    crlf = text.replace("\n", "\r\n")
    assert post(browser, edit, rules=crlf, expected=2).status_code == 302
    assert rule_sets.version_of("Hosts").number == 1
    assert post(browser, edit, rules=text.replace("sit-host", "uat-host"), expected=2, note="uat").status_code == 302
    assert (rule_sets.version_of("Hosts").number, rule_sets.version_of("Hosts").note) == (2, "uat")
    assert "uat-host" not in page(browser, f"{edit}?version=1")


def test_a_version_that_somebody_else_saved_meanwhile_is_not_overwritten_unseen(browser: Client) -> None:
    kept = cast.rule_set("Hosts").rule_set
    rule_sets.save(cast.user("manager", "second"), "Hosts", [stage.DESCRIBE])
    edit, mine = f"{kept.get_absolute_url()}edit/", files.text([stage.LEAVE_OUT])
    answer = post(browser, edit, rules=mine, expected=2)
    shown = html.unescape(answer.content.decode())
    assert answer.status_code == 409
    assert "Somebody else has saved version 2 of Hosts meanwhile." in shown
    assert ("Leave out" in shown, "What yours would change of theirs" in shown) == (True, True)
    assert 'name="expected" value="3"' in shown
    assert rule_sets.version_of("Hosts").number == 2
    assert post(browser, edit, rules=mine, expected=3).status_code == 302
    assert rule_sets.version_of("Hosts").number == 3


@pytest.mark.parametrize("as_file", [False, True])
def test_every_fault_comes_back_at_its_place_and_nothing_is_saved(browser: Client, as_file: bool) -> None:
    kept = cast.rule_set("Hosts").rule_set
    text = files.text(files.BAD)
    given = {"file": upload(files.BAD), "rules": "[]"} if as_file else {"rules": text}
    answer = post(browser, f"{kept.get_absolute_url()}edit/", **given, expected=2)
    shown = html.unescape(answer.content.decode())
    assert answer.status_code == 422
    for path in ("[0].then[0].path", "[1].when[0].pattern", "[1].then[0].do", "[2]"):
        assert f'data-goto-path="{path}"' in shown
    assert all(fault in shown for fault in files.FAULTS)
    assert '"a..b"' in shown
    assert 'name="expected" value="2"' in shown
    assert rule_sets.version_of("Hosts").number == 1


@pytest.mark.parametrize(
    ("rules", "says"),
    [
        ("", "There is no rule to keep"),
        ("  ", "There is no rule to keep"),
        ("[]", "There is no rule to keep"),
        ("[", "Not JSON"),
        ("7", "a list of 0 to 200 is expected"),
        ('{"rules": []}', "is expected"),
        ('[{"name": "a", "then": [{"do": "exclude"}], "name": "b"}]', "stands twice"),
        ('[{"name": "a\\u0000", "then": [{"do": "exclude"}]}]', "U+0000 cannot be kept"),
        ("[" * 5_000, "nested"),
    ],
)
def test_what_is_no_rules_is_said_and_nothing_is_saved(browser: Client, rules: str, says: str) -> None:
    answer = post(browser, "/rule-sets/new/", name="X", rules=rules, expected=1)
    assert answer.status_code == 422
    assert says in html.unescape(answer.content.decode())
    assert not RuleSet.objects.exists()


def test_a_file_of_bytes_that_are_no_text_is_refused(browser: Client) -> None:
    answer = post(browser, "/rule-sets/new/", name="X", file=upload(b"\xff\xfe\x00["), expected=1)
    assert (answer.status_code, "not UTF-8" in answer.content.decode()) == (422, True)


def test_a_set_without_a_name_or_with_one_that_cannot_be_seen_is_refused(browser: Client) -> None:
    for name in ("", "\u202eabc"):
        answer = post(browser, "/rule-sets/new/", name=name, rules=files.text([stage.REHOST]), expected=1)
        assert (answer.status_code, "needs a name" in answer.content.decode()) == (422, True)
    assert not RuleSet.objects.exists()


def test_a_set_is_archived_and_brought_back(browser: Client) -> None:
    kept = cast.rule_set("Hosts").rule_set
    archive = f"{kept.get_absolute_url()}archive/"
    post(browser, archive)
    assert "This set is archived" in page(browser, kept.get_absolute_url())
    post(browser, archive, bring_back="on")
    assert RuleSet.objects.get().archived_at is None


def test_problems_are_placed_in_every_kind_of_file() -> None:
    ours = '{"format": "promotion-rules", "version": 1, "rules": []}'
    assert placed(["rule 2, action 1: path: x"], ours)[0][0]["path"] == "rules[1].then[0].path"
    assert placed(["entry 3: to: x"], "[]")[0][0]["path"] == "[2].to"
    assert placed(["replacement 1: to: x"], '{"Replacements": []}')[0][0]["path"] == "Replacements[0].to"
    assert placed(["enrichment 1: to: x"], '{"enrichment": []}')[0][0]["path"] == "enrichment[0].to"
    assert placed(["enrichment 1: x"], '{"odd key": []}') == ([], ["enrichment 1: x"])
    assert placed(["rule 1: x", "rules: y"], "no JSON") == ([], ["rule 1: x", "rules: y"])
