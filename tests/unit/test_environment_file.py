"""Environment files: systemd and a shell read exactly the values that the platform wrote."""

import os
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.host.environment_file import parse, render, write_private
from app.host.errors import HostError

NASTY = {
    "PLAIN": "value",
    "EMPTY": "",
    "SPACES": "  two words  ",
    "QUOTES": 'it\'s "quoted"',
    "BACKSLASHES": "a\\b\\\\c\\",
    "DOLLAR": "$HOME ${PATH} $$ $(id) `id`",
    "PERCENT": "%h %% %2F",
    "COMMENT": "# not ; a comment",
    "EQUALS": "a=b=c",
    "LINES": "one\ntwo\n",
    "TAB": "a\tb",
    "UNICODE": "Bogotá ñ 🏀",
    "BANG": "!important ^x {a,b} ~ * ?",
}
TEXT = st.text(st.characters(exclude_categories=["Cc", "Cs"], include_characters="\t\n"), max_size=60)


class SystemdReader:
    """A port of systemd's `parse_env_file_internal` (src/basic/env-file.c, v252), with a method for each state.

    It implements only the states that the platform's files can reach; any other input fails an assertion.
    """

    def __init__(self) -> None:
        self.found: dict[str, str] = {}
        self.state: Callable[[str], None] = self.before_key
        self.key = self.value = ""

    def before_key(self, char: str) -> None:
        assert char not in "#;", "a comment"
        if not char.isspace():
            self.state, self.key = self.in_key, char

    def in_key(self, char: str) -> None:
        assert char != "\n", "a line without ="
        if char == "=":
            self.state, self.value = self.before_value, ""
        else:
            self.key += char

    def before_value(self, char: str) -> None:
        assert char in '"\n', f"an unquoted value begins with {char!r}"
        if char == "\n":
            self.found[self.key], self.state = self.value, self.before_key
        else:
            self.state = self.in_double_quotes

    def in_double_quotes(self, char: str) -> None:
        if char == '"':
            self.state = self.before_value
        elif char == "\\":
            self.state = self.after_backslash
        else:
            self.value += char

    def after_backslash(self, char: str) -> None:
        self.state = self.in_double_quotes
        if char in '"\\`$':
            self.value += char
        elif char != "\n":
            self.value += "\\" + char


def read_as_systemd(text: str) -> dict[str, str]:
    reader = SystemdReader()
    for char in text:
        reader.state(char)
    assert reader.state == reader.before_key, "the last line ends in the middle"
    return reader.found


def test_systemd_reads_what_was_written() -> None:
    assert read_as_systemd(render(NASTY)) == NASTY


def test_a_shell_reads_what_was_written(tmp_path: Path) -> None:
    (tmp_path / "env").write_text(render(NASTY))
    command = ["bash", "--norc", "-c", f"set -a; . {tmp_path}/env; env -0"]
    run = subprocess.run(command, env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, check=True)
    read = dict(line.partition("=")[::2] for line in run.stdout.split("\0"))
    assert {name: read[name] for name in NASTY} == NASTY


def test_we_read_what_was_written() -> None:
    assert parse(render(NASTY)) == NASTY


@given(TEXT)
def test_any_text_survives(value: str) -> None:
    text = render({"BEFORE": "b", "VALUE": value, "AFTER": "a"})
    expected = {"BEFORE": "b", "VALUE": value, "AFTER": "a"}
    assert read_as_systemd(text) == expected
    assert parse(text) == expected


@pytest.mark.parametrize("value", ["a\x00b", "a\rb", "\x1b[1m", "\x7f"])
def test_a_value_that_systemd_would_drop_is_refused_without_being_shown(value: str) -> None:
    with pytest.raises(HostError, match="JWT_SECRET contains a control character") as caught:
        render({"JWT_SECRET": value})
    assert value not in str(caught.value)


@pytest.mark.parametrize("name", ["", "lower", "1ST", "A B", "A=B", "A\nB"])
def test_an_invalid_name_is_refused(name: str) -> None:
    with pytest.raises(HostError, match="not a valid variable name"):
        render({name: "x"})


def test_a_private_file_is_complete_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    path = tmp_path / "new" / "site.env"
    previous = os.umask(0)
    try:
        write_private(path, "ONE")
        path.chmod(0o644)
        write_private(path, "TWO")
    finally:
        os.umask(previous)
    assert path.read_text() == "TWO"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_a_failed_write_is_reported_in_a_sentence_and_leaves_no_file(tmp_path: Path) -> None:
    (tmp_path / "site.env").mkdir()
    with pytest.raises(HostError, match=r"site\.env could not be written"):
        write_private(tmp_path / "site.env", "secret")
    with pytest.raises(HostError, match="no user nobody-of-this-name"):
        write_private(tmp_path / "users.acl", "secret", owner="nobody-of-this-name")
    assert list(tmp_path.iterdir()) == [tmp_path / "site.env"]
