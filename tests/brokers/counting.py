# SPDX-License-Identifier: Apache-2.0
"""Programs that count themselves in a directory, whatever broker runs them."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

from eb_prefect.model.request import ExecutionRequest


class Counting(ABC):
    """What a bench's requests and counts have in common; it has a directory ``root`` of its own."""

    root: Path

    @abstractmethod
    def program(self, *command: str, **parts: Any) -> ExecutionRequest:
        """Return a request for a program, as the broker of the bench takes it."""

    def succeeding(self) -> ExecutionRequest:
        return self.script("true")

    def failing(self, code: int) -> ExecutionRequest:
        return self.script(f"exit {code}")

    def lasting(self, seconds: float) -> ExecutionRequest:
        return self.script(f"sleep {seconds}")

    def script(self, text: str, **parts: Any) -> ExecutionRequest:
        """Return a request for a shell script that notes its start, and its end if it gets there."""
        marked = f"echo $$ >> {self.root}/starts; {text} && echo $$ >> {self.root}/ends"
        return self.program("sh", "-c", marked, **parts)

    def starts(self) -> int:
        return self._lines("starts")

    def ends(self) -> int:
        return self._lines("ends")

    def _lines(self, name: str) -> int:
        path = self.root / name
        return len(path.read_text().splitlines()) if path.exists() else 0
