# SPDX-License-Identifier: Apache-2.0
"""What a step belongs to in a flow run, and where its session is put down."""

from prefect.client.schemas.objects import FlowRun

from eb_prefect.options import StepOptions
from eb_prefect.runs.journals import journal_for
from eb_prefect.runs.lineage import lineage

_DEFAULT = StepOptions()


def belonging(run: FlowRun, flow: str, options: StepOptions) -> StepOptions:
    """Return the options of a step of a flow run; a user's own key or scope stays."""
    options = options._replace(run=str(run.id), lineage=lineage(run))
    if options.scope == _DEFAULT.scope:
        options = options._replace(scope=f"flow {flow}")
    return options._replace(journal=journal_for(run, options))
