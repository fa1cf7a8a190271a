# SPDX-License-Identifier: Apache-2.0
"""The options of a step with what the run that it is in adds to them."""

from collections.abc import Callable, Iterable

from eb_prefect.onlooking import Onlooker
from eb_prefect.runs.belonging import belonging
from eb_prefect.runs.board import Board
from eb_prefect.runs.cancelling import cancelled_with_run
from eb_prefect.runs.cautions import caution
from eb_prefect.runs.claims import claim
from eb_prefect.runs.entrances import ShownEntrance
from eb_prefect.runs.events import PhaseEvents
from eb_prefect.runs.here import Here, Part, here
from eb_prefect.runs.journals import journal_for
from eb_prefect.runs.offers import ShownOffers
from eb_prefect.runs.output import Output
from eb_prefect.runs.phases import ShownPhases
from eb_prefect.runs.report import ShownReport
from eb_prefect.settings import settings
from eb_prefect.step import StepOptions

# who looks on in every run, in this order
_ONLOOKERS: tuple[Callable[[Here], Onlooker], ...] = (
    Output,
    ShownPhases,
    PhaseEvents,
    ShownOffers,
    ShownReport,
    ShownEntrance,
)


def within_flow_run(name: str, options: StepOptions, *, part: Part = "step") -> StepOptions:
    """Return the options with what the current task run adds to them.

    Its flow is the scope of the step unless the user gave a key, and its name,
    its state and its log follow the phases. Outside of a run nothing is added.

    Raises
    ------
    DuplicateStepError
        Another task run of the flow run has a step of this name.
    """
    at = here(name, part)
    if at is None:
        return options
    options = _belonging(at, options)
    ours = (*(made(at) for made in _ONLOOKERS), *cancelled_with_run(at, options))
    return options._replace(onlookers=(*ours, *options.onlookers))


def many_within_flow_run(
    name: str, names: Iterable[str], options: StepOptions
) -> tuple[StepOptions, Board | None]:
    """Return the same for many steps of one task run, and the board that shows them.

    Outside of a run nothing is added, and there is no board.

    Raises
    ------
    DuplicateStepError
        Another task run of the flow run has a step of one of these names.
    """
    at = here(name)
    if at is None:
        return options, None
    names = tuple(names)
    options = _belonging(at, options)
    for each in names:
        claim(at._replace(name=each))
    # the server works some 10 ms on each event, so of very many only the table tells
    has_events = len(names) <= settings().reports

    def others(one: Here) -> tuple[Onlooker, ...]:
        return (*((PhaseEvents(one),) if has_events else ()), *cancelled_with_run(one, options))

    return options, Board(at, len(names), others)


def _belonging(at: Here, options: StepOptions) -> StepOptions:
    if at.flow_run is None or at.flow is None:
        return options._replace(journal=journal_for(None, options))
    claim(at)
    options = belonging(at.flow_run, at.flow, options)
    caution(at, options.journal)
    return options
