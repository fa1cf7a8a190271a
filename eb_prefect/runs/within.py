# SPDX-License-Identifier: Apache-2.0
"""The options of a step with what the run that it is in adds to them."""

from collections.abc import Callable

from eb_prefect.onlooking import Onlooker
from eb_prefect.runs.claims import claim
from eb_prefect.runs.entrances import ShownEntrance
from eb_prefect.runs.here import Here, here
from eb_prefect.runs.phases import ShownPhases
from eb_prefect.step import StepOptions

# who looks on in every run, in this order
_ONLOOKERS: tuple[Callable[[Here], Onlooker], ...] = (ShownPhases, ShownEntrance)
_DEFAULT = StepOptions()


def within_flow_run(name: str, options: StepOptions) -> StepOptions:
    """Return the options with what the current task run adds to them.

    Its flow is the scope of the step unless the user gave a key, and its name,
    its state and its log follow the phases. Outside of a run nothing is added.

    Raises
    ------
    DuplicateStepError
        Another task run of the flow run has a step of this name.
    """
    at = here(name)
    if at is None:
        return options
    if at.flow_run is not None:
        claim(at)
        options = options._replace(run=str(at.flow_run.id))
        if options.scope == _DEFAULT.scope:
            options = options._replace(scope=f"flow {at.flow}")
    return options._replace(onlookers=(*(made(at) for made in _ONLOOKERS), *options.onlookers))
