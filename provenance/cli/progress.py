# SPDX-License-Identifier: Apache-2.0
"""What a terminal shows while a session runs."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from rich.console import Console
from rich.text import Text

from eb_prefect.model.session import Session
from eb_prefect.model.steprun import PhaseChange
from provenance.plain import plain


class Show(NamedTuple):
    """What tells of a phase, and what tells anything else."""

    phase: Callable[[Session, PhaseChange], None]
    say: Callable[[str], None]


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Fall silent: that nobody watches ends no step."""
        self.quiet = True


@contextmanager
def progress(name: str) -> Iterator[Show]:
    """Show a step's phases on standard error: a line each, and on a terminal one that moves.

    Standard output stays free for the result.
    """
    console = _Console(stderr=True, highlight=False)
    title = plain(name)
    with console.status(Text(f"{title}: asking for offers")) as status:

        def say(text: str) -> None:
            console.print(Text(f"{title}: {plain(text)}"), soft_wrap=True)

        def show(session: Session, change: PhaseChange) -> None:
            line = Text(f"{change.seen:%H:%M:%S}  {title}: {plain(change.phase)}  ")
            console.print(line.append(plain(session.uuid), style="dim"), soft_wrap=True)
            status.update(Text(f"{title}: {plain(change.phase)}"))

        yield Show(show, say)
