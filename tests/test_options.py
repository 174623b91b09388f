"""A wrong option of any command of ours is told like every other error: one JSON document, exit code 2."""

import json

import pytest
from django.core.management import execute_from_command_line

WRONG = [
    ("promotion", "the following arguments are required: subcommand"),
    ("promotion replai 1", "invalid choice: 'replai'"),
    ("promotion show", "the following arguments are required: id"),
    ("promotion show seven", "invalid int value: 'seven'"),
    ("promotion show 1 --nonsense", "unrecognized arguments: --nonsense"),
    ("promotion plan 1 --as manager --mode some", "invalid choice: 'some'"),
    ("promotion approve 1 --as manager", "the following arguments are required: --reason"),
    ("promotion rules 1 --preview --apply", "not allowed with argument"),
    ("rule_sets save --name X --as manager", "the following arguments are required: --file"),
    ("event_types decide --promotable --undecided x", "not allowed with argument"),
    ("event_types keys x --as curator --reason R", "one of the arguments --fields --proposed is required"),
    ("environments load", "the following arguments are required: FILE.toml"),
    ("environments --nonsense", "required: subcommand"),
]


@pytest.mark.parametrize(("line", "message"), WRONG)
def test_a_wrong_option_is_one_json_document_and_exit_code_2(
    line: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        execute_from_command_line(["manage.py", *line.split()])
    answer = json.loads(capsys.readouterr().out)
    assert ended.value.code == 2
    assert list(answer) == ["error", "hint", "problems"]
    assert message in answer["error"]
    assert "--help` shows" in answer["hint"]


@pytest.mark.parametrize("line", ["promotion --help", "promotion create --help", "environments load -h"])
def test_help_is_text_and_no_error(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        execute_from_command_line(["manage.py", *line.split()])
    assert not ended.value.code
    assert capsys.readouterr().out.startswith("usage: ")
