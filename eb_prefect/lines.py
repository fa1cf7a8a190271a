# SPDX-License-Identifier: Apache-2.0
"""Bytes that a program writes as lines of text that do no harm where they are shown."""

import codecs
import re

_ESCAPE = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[PX^_][^\x1b]*(?:\x1b\\)?|[ -/]*[0-~])"
)


class Lines:
    """Makes lines of a stream that comes in pieces; a line that has not ended is kept.

    One longer than ``longest`` characters becomes several. What a carriage
    return writes over is left out, so that a progress bar is one line.
    """

    def __init__(self, longest: int = 1000) -> None:
        self._longest = longest
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._begun = ""

    def feed(self, piece: bytes) -> list[str]:
        """Return the lines that end in what has come now."""
        *ended, last = (self._begun + self._decoder.decode(piece)).split("\n")
        # whether the last character writes over the line or ends it, the next one tells
        last = last[last.rfind("\r", 0, -1) + 1 :]
        whole, self._begun = self._broken(last, keeps=True)
        return [*(part for line in ended for part in self._broken(_shown(line))[0]), *whole]

    def end(self) -> list[str]:
        """Return the line that has not ended, if there is one."""
        last, self._begun = self._begun + self._decoder.decode(b"", final=True), ""
        return [harmless(_shown(last))] if last else []

    def _broken(self, line: str, *, keeps: bool = False) -> tuple[list[str], str]:
        size = self._longest
        stops = len(line) - len(line) % size if keeps else len(line)
        parts = [harmless(line[n : n + size]) for n in range(0, stops, size)]
        return parts, line[stops:]


def harmless(text: str) -> str:
    """Return text without commands to a terminal; other characters that can't be seen are escaped."""
    plain = _ESCAPE.sub("", text)
    return "".join(c if c.isprintable() or c in "\t\xa0" else ascii(c)[1:-1] for c in plain)


def _shown(line: str) -> str:
    return line.rstrip("\r").rpartition("\r")[2]
