# SPDX-License-Identifier: Apache-2.0
"""Settings, where Prefect has those of integrations: ``PREFECT_INTEGRATIONS_EB_...`` or a profile."""

import os
from functools import lru_cache
from pathlib import Path
from typing import Literal

from prefect.settings.base import PrefectBaseSettings, build_settings_config
from pydantic import Field

Then = Literal["cancel", "leave"]


class EBSettings(PrefectBaseSettings):
    """How steps of flow runs behave where a flow does not say so itself."""

    model_config = build_settings_config(("integrations", "eb"))

    journal: Literal["auto", "local", "server"] | Path = Field(
        default="auto",
        description="Where sessions are put down before they are accepted: on this machine, on the Prefect "
        "server too, or in a directory that machines share. auto is server for flow runs of deployments "
        "and for steps with a key, else local.",
    )
    on_cancel: Then = Field(
        default="cancel", description="What becomes of the sessions of a flow run that is cancelled."
    )
    cancel_within: float = Field(
        default=60.0,
        gt=0,
        description="For how many seconds a broker is asked again to cancel a session, then it is given up.",
    )
    on_crash: Then = Field(
        default="leave",
        description="What becomes of the sessions of a flow run that crashes; a retry finds those left.",
    )
    reports: int = Field(
        default=100, ge=0, description="How many steps of a flow run get tables and reports of their own."
    )
    log_lines: int = Field(
        default=1000,
        ge=0,
        description="How many lines of a session's output go to the log of its task run; 0 for none.",
    )


def settings() -> EBSettings:
    """Return the settings as the environment now has them; files are read once, as Prefect reads its own."""
    return _read(frozenset(item for item in os.environ.items() if item[0].startswith("PREFECT_")))


@lru_cache(maxsize=8)  # to read them takes milliseconds, and every step asks
def _read(_: frozenset[tuple[str, str]]) -> EBSettings:
    return EBSettings()
