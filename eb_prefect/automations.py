# SPDX-License-Identifier: Apache-2.0
"""Automations of a Prefect server that heal flow runs which died, and tell people of sessions.

A flow run that was killed with all that watched it stays Running for ever.
`healing` are two automations that end such a run, and have it picked up
again: its steps then go on with the sessions that they had. They are for
runs with a tag, which a deployment gives to its runs.
"""

from collections.abc import Iterable
from datetime import timedelta
from typing import NamedTuple

from prefect.client.schemas.objects import StateType
from prefect.events.actions import ChangeFlowRunState, SendNotification
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from prefect.events.schemas.events import ResourceSpecification
from prefect.settings import get_current_settings

from eb_prefect.errors import Fault, InvalidConfigurationError
from eb_prefect.prefect_server import Server
from eb_prefect.runs.events import EVENT, LABEL, SESSION

TAG = "eb-heal"
"""The tag of the flow runs that are healed, if nobody says otherwise."""

RETRIES = 3
"""How often a crashed flow run is picked up again, if nobody says otherwise."""

MARK = "eb-prefect"
"""The tag of automations that were made here."""

_SHORTEST = timedelta(seconds=30)  # as Prefect sends no heartbeats at shorter intervals
_LONGEST = timedelta(days=90)
_MISSED = 3
_RUN = "prefect.flow-run"
_ID = "prefect.resource.id"

# what ends the wait for the next heartbeat, by the names that Prefect itself gives to states: those in which
# no process has to be there. Of a run whose end has another name, the server does not take Crashed.
_NO_HEARTBEAT = (
    *("Completed", "Failed", "Crashed", "Cancelled", "TimedOut", "RolledBack"),
    *("Cancelling", "Paused", "Suspended", "Scheduled", "AwaitingRetry", "Late", "Resuming", "Pending"),
)


class Healing(NamedTuple):
    """Which flow runs are healed and how.

    ``heartbeat`` is how often a flow run gives a sign of life, which
    ``PREFECT_FLOWS_HEARTBEAT_FREQUENCY`` says where the flows run; three
    that do not come are a death. ``retries`` counts each time that the flow
    run began to run after the first, those of the flow's own ``retries`` too.
    """

    tag: str = TAG
    retries: int = RETRIES
    heartbeat: timedelta = timedelta(seconds=180)


def heartbeat() -> timedelta:
    """Return how often flow runs of this machine give a sign of life.

    Raises
    ------
    InvalidConfigurationError
        They give none.
    """
    seconds = get_current_settings().flows.heartbeat_frequency
    if seconds is None:
        fault = Fault("PREFECT_FLOWS_HEARTBEAT_FREQUENCY", "is off, so no death would be noticed")
        raise InvalidConfigurationError("Prefect", [fault])
    return timedelta(seconds=seconds)


def healing(how: Healing) -> tuple[AutomationCore, AutomationCore]:
    """Return the automation that ends a flow run which died, and the one that has it picked up again."""
    return _crashing(how), _retrying(how)


def _crashing(how: Healing) -> AutomationCore:
    """Make a run Crashed whose heartbeats stopped.

    The state is not forced: a heartbeat that comes late, after the end of a
    run, changes nothing, as the server does not take a terminal state back
    for this one (https://github.com/PrefectHQ/prefect/issues/18653).
    """
    sign = f"{_RUN}.heartbeat"
    trigger = EventTrigger(
        after={sign},
        expect={sign, *(f"{_RUN}.{name}" for name in _NO_HEARTBEAT)},
        match=ResourceSpecification({_ID: f"{_RUN}.*"}),
        match_related=[_tagged(how.tag)],
        for_each={_ID},
        posture=Posture.Proactive,
        threshold=1,
        within=_MISSED * max(how.heartbeat, _SHORTEST),
    )
    seconds = trigger.within.total_seconds()
    return AutomationCore(
        name=f"{how.tag}: crash runs without heartbeats",
        description=f"A flow run tagged {how.tag} that gave no sign of life for {seconds:g} s has died.",
        tags=[MARK],
        trigger=trigger,
        actions=[ChangeFlowRunState(state=StateType.CRASHED, message=f"no heartbeat for {seconds:g} s")],
    )


def _retrying(how: Healing) -> AutomationCore:
    """Have a Crashed run picked up again, each time after it ran and ``retries`` times at most.

    Two guards are needed. The count of its runs is a label of the event, and
    is 1 when it crashes first. But a run that dies before it runs does not
    add to it, and would be retried for ever: so Crashed counts after Running
    only, and once.
    """
    counts = [str(count) for count in range(1, how.retries + 1)]
    trigger = EventTrigger(
        after={f"{_RUN}.Running", f"{_RUN}.Retrying"},
        expect={f"{_RUN}.Crashed"},
        match=ResourceSpecification({_ID: f"{_RUN}.*", "prefect.run-count": counts}),
        # a script's run has no deployment, and nobody would pick it up
        match_related=[_tagged(how.tag), ResourceSpecification({_ID: "prefect.deployment.*"})],
        for_each={_ID},
        posture=Posture.Reactive,
        threshold=1,
        within=_LONGEST,
    )
    return AutomationCore(
        name=f"{how.tag}: retry crashed runs",
        description=f"A flow run of a deployment tagged {how.tag} that crashed is picked up again, "
        f"{how.retries} times at most, and goes on with the sessions that its steps had.",
        tags=[MARK],
        trigger=trigger,
        actions=[ChangeFlowRunState(state=StateType.SCHEDULED, name="AwaitingRetry", message="it crashed")],
    )


def _tagged(tag: str) -> ResourceSpecification:
    return ResourceSpecification({_ID: f"prefect.tag.{tag}", "prefect.resource.role": "tag"})


def telling(block: str, server: Server) -> AutomationCore:
    """Return the automation that sends a message when somebody can go to a session.

    ``block`` is a notification block as ``TYPE/NAME``. Sessions that nobody
    can go to, as they have no address, are not told of.

    Raises
    ------
    InvalidConfigurationError
        The server has no such block, or it sends no messages.
    """
    trigger = EventTrigger(
        expect={f"{EVENT}.AVAILABLE", f"{EVENT}.RUNNING"},
        match=ResourceSpecification({_ID: f"{SESSION}.*", f"{LABEL}.link": "*"}),
        for_each={_ID},
        posture=Posture.Reactive,
        threshold=1,
        within=_LONGEST,  # once a session, though it may be AVAILABLE and RUNNING
    )
    body = (
        f"{{{{ event.resource['{LABEL}.step'] }}}} is {{{{ event.resource['{LABEL}.phase'] }}}} at "
        f"{{{{ event.resource['{LABEL}.broker'] }}}}: {{{{ event.resource['{LABEL}.link'] }}}}"
    )
    action = SendNotification(
        block_document_id=server.notification_block(block),
        subject=f"{{{{ event.resource['{LABEL}.step'] }}}} is up",
        body=body,
    )
    return AutomationCore(
        name=f"tell {block} of sessions to go to",
        description="A message for each session that has an address, when it is there.",
        tags=[MARK],
        trigger=trigger,
        actions=[action],
    )


def install(wanted: Iterable[AutomationCore], server: Server) -> dict[str, str]:
    """Make a server have the automations; return by name what was done, ``made``, ``changed`` or ``kept``.

    One that has them already is left alone, for what an automation has seen
    is forgotten when it is changed: whether it is enabled stays as it is.

    Raises what `Server` raises.
    """
    return {each.name: _install(each, server) for each in wanted}


def _install(wanted: AutomationCore, server: Server) -> str:
    found = next(iter(server.automations(name=wanted.name)), None)
    if found is None:
        server.create(wanted)
        return "made"
    wanted = wanted.model_copy(update={"enabled": found.enabled})
    if _content(found) == _content(wanted):
        return "kept"
    server.change(found.id, wanted)
    return "changed"


def _content(automation: AutomationCore) -> dict[str, object]:
    return AutomationCore.model_validate(automation.model_dump()).model_dump(exclude={"owner_resource"})
