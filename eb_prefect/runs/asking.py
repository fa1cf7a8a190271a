# SPDX-License-Identifier: Apache-2.0
"""Asking a person in the UI: a pause of the flow run with a form.

Prefect's own `pause_flow_run` blocks its thread until the time is over even
when the run is cancelled, and a run that nobody answered can only fail then.
"""

import json
from typing import Any, NamedTuple
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import StateType
from prefect.client.schemas.responses import SetStateStatus
from prefect.context import FlowRunContext
from prefect.exceptions import PrefectHTTPStatusError
from prefect.input import keyset_from_base_key, keyset_from_paused_state
from prefect.logging import get_run_logger
from prefect.states import Paused, Running

from eb_prefect.options import StepOptions
from eb_prefect.runs.belonging import belonging

FIELD = "offer"
_MISSING = 404


class Form(NamedTuple):
    """What a person is shown, in Markdown, and what there is to choose from."""

    shown: str
    choices: tuple[str, ...]
    default: str | None = None

    @property
    def schema(self) -> dict[str, Any]:
        """The form as JSON schema."""
        field: dict[str, Any] = {"title": "Offer", "type": "string", "enum": [*self.choices], "position": 0}
        if self.default is not None:
            field["default"] = self.default
        required = {} if self.default is not None else {"required": [FIELD]}
        return {"title": "Offer", "type": "object", "properties": {FIELD: field}, **required}


class Question:
    """One question to a person in one flow run; its answer is kept with the run by the server."""

    def __init__(self, flow_run: UUID, key: str) -> None:
        self._flow_run = flow_run
        self._key = key
        self._keys = keyset_from_base_key(f"paused-{key}")

    def asked_about(self) -> Any:
        """Return what was kept when it was asked, None if it never was."""
        with _client() as client:
            return _read(client, self._flow_run, f"{self._key}-about")

    def answer(self) -> str | None:
        """Return the choice, None while there is none; a form that was sent without one is the default's."""
        with _client() as client:
            found = _read(client, self._flow_run, self._keys["response"])
            if found is None:
                return None
            form = _read(client, self._flow_run, self._keys["schema"]) or {}
        default = form.get("properties", {}).get(FIELD, {}).get("default")
        return str(found.get(FIELD, default))

    def ask(self, form: Form, about: Any) -> bool:
        """Pause the flow run and show the form; False if the server lets it not be paused."""
        state: Any = Paused(pause_key=self._key)
        state.state_details.run_input_keyset = keyset_from_paused_state(state)
        with _client() as client:
            self._write(client, f"{self._key}-about", about)
            self._forget(client, self._keys["response"])  # of what was asked before under this name
            if client.set_flow_run_state(self._flow_run, state).status != SetStateStatus.ACCEPT:
                return False
            self._write(client, self._keys["schema"], form.schema)
            self._write(client, self._keys["description"], form.shown)
            return True

    def state(self) -> tuple[StateType | None, str]:
        """Return the type and name of the flow run's state: it runs again once there is an answer."""
        with _client() as client:
            found = client.read_flow_run(self._flow_run).state
        return (found.type, found.name or "") if found else (None, "unknown")

    def give_up(self) -> None:
        """Let the flow run go on."""
        with _client() as client:
            client.set_flow_run_state(self._flow_run, Running())

    def answer_for(self, choice: str) -> None:
        """Keep a choice that somebody else made, as if the person had."""
        with _client() as client:
            self._write(client, self._keys["response"], {FIELD: choice})

    def _write(self, client: SyncPrefectClient, key: str, value: Any) -> None:
        self._forget(client, key)
        client.create_flow_run_input(self._flow_run, key, json.dumps(value))

    def _forget(self, client: SyncPrefectClient, key: str) -> None:
        if _read(client, self._flow_run, key) is not None:
            client.delete_flow_run_input(self._flow_run, key)


class Asker(NamedTuple):
    """The flow run that asks."""

    flow_run: UUID
    flow: str

    def say(self, text: str) -> None:
        """Put a line into its log."""
        get_run_logger().info(text)


def asker() -> Asker | None:
    """Return the flow run that this is in; None outside of one."""
    context = FlowRunContext.get()
    if context is None or context.flow_run is None or context.flow is None:
        return None
    return Asker(context.flow_run.id, context.flow.name)


def belonging_here(options: StepOptions) -> StepOptions:
    """Return the options of a step of this flow run."""
    context = FlowRunContext.get()
    if context is None or context.flow_run is None or context.flow is None:
        return options
    return belonging(context.flow_run, context.flow.name, options)


def _client() -> SyncPrefectClient:
    return get_client(sync_client=True)


def _read(client: SyncPrefectClient, flow_run: UUID, key: str) -> Any:
    try:
        return json.loads(client.read_flow_run_input(flow_run, key))
    except PrefectHTTPStatusError as error:
        if error.response.status_code == _MISSING:
            return None
        raise
