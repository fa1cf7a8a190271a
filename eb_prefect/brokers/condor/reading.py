# SPDX-License-Identifier: Apache-2.0
"""What HTCondor's job ads say."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from eb_prefect.brokers.batch.scheduler import Account, Seen
from eb_prefect.model.phase import Phase

ATTRIBUTES = (
    "BlockReadKbytes",
    "BlockWriteKbytes",
    "ClusterId",
    "CompletionDate",
    "EnteredCurrentStatus",
    "ExitBySignal",
    "ExitCode",
    "ExitSignal",
    "HoldReason",
    "HoldReasonCode",
    "JobCurrentStartDate",
    "JobStatus",
    "LastHoldReason",
    "LastRemoteHost",
    "ProcId",
    "RemoteHost",
    "RemoteSysCpu",
    "RemoteUserCpu",
    "RemoveReason",
    "ResidentSetSize_RAW",
    "TransferringInput",
)
"""All that is read of an ad."""

_STATES = {
    1: "idle",
    2: "running",
    3: "removed",
    4: "completed",
    5: "held",
    6: "transferring output",
    7: "suspended",
}
_PHASES = {1: Phase.WAITING, 2: Phase.RUNNING, 6: Phase.RELEASING, 7: Phase.RUNNING}
_WAITING_HOLDS = (1, 15)
_KIBI = 1 << 10


def handle(ad: Mapping[str, Any]) -> str:
    """Return the task's handle: ``CLUSTER.PROC``."""
    return f"{ad['ClusterId']}.{ad['ProcId']}"


def order(ad: Mapping[str, Any]) -> tuple[int, int]:
    """Return the task's place among all."""
    return int(ad["ClusterId"]), int(ad["ProcId"])


def seen(ad: Mapping[str, Any], *, is_queued: bool) -> Seen:
    """Return how a task is, by its ad in the queue or in the history."""
    phase = _phase(ad, is_queued=is_queued)
    return Seen(phase, _STATES.get(ad["JobStatus"], str(ad["JobStatus"])), _reason(ad, phase), _nodes(ad))


def account(ad: Mapping[str, Any]) -> Account:
    """Return what the history has about a task; what a pool does not measure it says is 0."""
    told = seen(ad, is_queued=False)
    cpu = (_number(ad, "RemoteUserCpu") or 0) + (_number(ad, "RemoteSysCpu") or 0)
    return Account(
        told.phase,
        told.state,
        told.reason,
        told.nodes,
        exit_code=_number(ad, "ExitCode"),
        signal=_number(ad, "ExitSignal") if ad.get("ExitBySignal") is True else None,
        started=_time(ad, "JobCurrentStartDate"),
        ended=_time(ad, "CompletionDate") or _time(ad, "EnteredCurrentStatus"),
        cpu_seconds=cpu or None,
        peak_memory=_bytes(ad, "ResidentSetSize_RAW"),
        read_bytes=_bytes(ad, "BlockReadKbytes"),
        written_bytes=_bytes(ad, "BlockWriteKbytes"),
    )


def _phase(ad: Mapping[str, Any], *, is_queued: bool) -> Phase:
    match ad["JobStatus"]:
        case 2 if ad.get("TransferringInput") is True:
            return Phase.PREPARING
        case 3 if is_queued:
            return Phase.RELEASING
        case 3:
            return Phase.FAILED if _is_held_to_death(ad) else Phase.CANCELLED
        case 4:
            return Phase.COMPLETED if ad.get("ExitCode") == 0 else Phase.FAILED
        case 5:
            return Phase.WAITING if ad.get("HoldReasonCode") in _WAITING_HOLDS else Phase.FAILED
        case status:
            return _PHASES.get(status, Phase.WAITING)


def _is_held_to_death(ad: Mapping[str, Any]) -> bool:
    return "PeriodicRemove" in str(ad.get("RemoveReason", ""))


def _reason(ad: Mapping[str, Any], phase: Phase) -> str:
    match ad["JobStatus"]:
        case 5:
            return str(ad.get("HoldReason", ""))
        case 3 if phase == Phase.FAILED:
            return str(ad.get("LastHoldReason") or "it lost its machine, and is not run again")
        case 3:
            return str(ad.get("RemoveReason", ""))
        case _:
            return ""


def _nodes(ad: Mapping[str, Any]) -> tuple[str, ...]:
    host = str(ad.get("RemoteHost") or ad.get("LastRemoteHost") or "")
    return (host.rpartition("@")[2],) if host else ()


def _number(ad: Mapping[str, Any], key: str) -> Any:
    value = ad.get(key)
    return value if isinstance(value, int | float) else None


def _bytes(ad: Mapping[str, Any], key: str) -> int | None:
    return int(_number(ad, key) or 0) * _KIBI or None


def _time(ad: Mapping[str, Any], key: str) -> datetime | None:
    seconds = _number(ad, key)
    return datetime.fromtimestamp(seconds, UTC) if seconds else None
