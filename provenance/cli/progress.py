# SPDX-License-Identifier: Apache-2.0
"""What a terminal shows while a session runs."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.text import Text

from eb_prefect.model.session import Session
from eb_prefect.model.steprun import PhaseChange
from provenance.plain import plain

OnChange = Callable[[Session, PhaseChange], None]


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Fall silent: that nobody watches ends no step."""
        self.quiet = True


@contextmanager
def progress(name: str) -> Iterator[OnChange]:
    """Show a step's phases on standard error: a line each, and on a terminal one that moves.

    Standard output stays free for the result.
    """
    console = _Console(stderr=True, highlight=False)
    title = plain(name)
    with console.status(Text(f"{title}: asking for offers")) as status:

        def show(session: Session, change: PhaseChange) -> None:
            line = Text(f"{change.seen:%H:%M:%S}  {title}: {plain(change.phase)}  ")
            console.print(line.append(plain(session.uuid), style="dim"), soft_wrap=True)
            status.update(Text(f"{title}: {plain(change.phase)}"))

        yield show
