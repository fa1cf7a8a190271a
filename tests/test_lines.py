# SPDX-License-Identifier: Apache-2.0
import pytest

from eb_prefect.lines import Lines, harmless


def lines_of(*pieces: bytes, longest: int = 1000) -> list[str]:
    lines = Lines(longest)
    return [line for piece in pieces for line in lines.feed(piece)] + lines.end()


def test_a_line_that_has_not_ended_is_kept_until_it_does() -> None:
    lines = Lines()
    assert lines.feed(b"one\ntw") == ["one"]
    assert lines.feed(b"o\n") == ["two"]
    assert lines.feed(b"three") == []
    assert lines.end() == ["three"]
    assert lines.end() == []


def test_characters_may_be_cut_anywhere() -> None:
    whole = "größer: 10″\n".encode()
    for n in range(len(whole)):
        assert lines_of(whole[:n], whole[n:]) == ["größer: 10″"]


def test_what_is_no_text_is_replaced() -> None:
    assert lines_of(b"a\xff\xfeb\n\xc3") == ["a\ufffd\ufffdb", "\ufffd"]


@pytest.mark.parametrize("cut", range(30))
def test_a_progress_bar_is_one_line(cut: int) -> None:
    whole = b"  0%\r 50%\r100%\r\ndone\r\n"
    assert lines_of(whole[:cut], whole[cut:]) == ["100%", "done"]


def test_a_long_line_becomes_several_and_nothing_is_lost() -> None:
    assert lines_of(b"abcdefgh\nxy", longest=3) == ["abc", "def", "gh", "xy"]
    assert lines_of(*(b"abcdefgh"[n : n + 1] for n in range(8)), longest=3) == ["abc", "def", "gh"]


def test_the_memory_of_a_line_without_end_is_bounded() -> None:
    lines = Lines()
    for _ in range(100):
        lines.feed(b"x" * 10_000)
        lines.feed(b"\ry" * 10_000)
    assert len(lines.end()[0]) <= 2000


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("a\x00b\x08c", r"a\x00b\x08c"),
        ("a\u202eb", r"a\u202eb"),
        ("tab\there, 30\xa0s", "tab\there, 30\xa0s"),
        ("[bold]m31[/bold] %s {x}", "[bold]m31[/bold] %s {x}"),
    ],
)
def test_what_is_shown_commands_no_terminal(written: str, shown: str) -> None:
    assert harmless(written) == shown
