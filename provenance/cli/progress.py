# SPDX-License-Identifier: Apache-2.0
"""What a terminal shows while a session runs."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console

from eb_prefect.model.session import Session
from eb_prefect.model.steprun import PhaseChange

OnChange = Callable[[Session, PhaseChange], None]


@contextmanager
def progress(name: str) -> Iterator[OnChange]:
    """Show a step's phases on standard error: a line each, and on a terminal one that moves.

    Standard output stays free for the result.
    """
    console = Console(stderr=True, highlight=False)
    with console.status(f"{name}: asking for offers") as status:

        def show(session: Session, change: PhaseChange) -> None:
            console.print(f"{change.seen:%H:%M:%S}  {name}: {change.phase}  [dim]{session.uuid}[/dim]")
            status.update(f"{name}: {change.phase}")

        yield show
