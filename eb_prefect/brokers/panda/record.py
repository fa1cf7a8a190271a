# SPDX-License-Identifier: Apache-2.0
"""The end of a session as PanDA's descriptions of its jobs have it."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from eb_prefect.brokers.embedded.refusal import refusal, warning
from eb_prefect.brokers.panda.mode import Record
from eb_prefect.brokers.panda.values import moment, number, text, whole
from eb_prefect.brokers.panda.wire import printable
from eb_prefect.model.parts import Checksum, Message
from eb_prefect.model.session import Outcome, Product

_KIB = 1024
_PARTS = {
    "exe": "the program",
    "pilot": "the pilot",
    "sup": "the supervisor",
    "ddm": "data management",
    "brokerage": "the brokerage",
    "jobDispatcher": "the dispatcher of jobs",
    "taskBuffer": "the server",
}
_CHECKSUMS = {"ad": "adler32", "md": "md5"}
_MADE = ("output", "log")
_DONE = "done"

Job = Mapping[str, Any]


def recorded(handle: str, state: str, jobs: Sequence[Job]) -> Record:
    """Return the record of what has ended, from the descriptions of its jobs; there may be none.

    The exit codes are those of the first job that has any but 0, unless all
    was done in the end. CPU time, gCO2 and bytes are of all, the peak of
    memory is that of the largest.
    """
    told = [job for job in jobs if job.get("jobStatus") == "finished"] if state == _DONE else jobs
    worst = next((job for job in told if codes(job)), told[-1] if told else {})
    regional, world = (_sum(jobs, f"gco2_{area}") for area in ("regional", "global"))
    outcome = Outcome(
        exit_code=exit_code(worst),
        started=_moment(min, jobs, "startTime"),
        ended=_moment(max, jobs, "endTime"),
        cpu_seconds=_sum(jobs, "cpuConsumptionTime"),
        peak_memory=_peak(jobs),
        nodes=tuple(_texts(jobs, "modificationHost")),
        identifier=handle,
        state=state,
        site=next(_texts(jobs, "computingSite"), None),
        codes=codes(worst),
        carbon=world if regional is None else regional,
        read_bytes=_bytes(_sum(jobs, "totRBYTES")),
        written_bytes=_bytes(_sum(jobs, "totWBYTES")),
    )
    messages = (*_said(worst), *_carbon(regional, world))
    killed = any(_is_killed(job) for job in jobs)
    return Record(outcome, messages, tuple(_products(jobs)), tuple(_datasets(jobs)), killed)


def exit_code(job: Job) -> int | None:
    """Return the program's own exit code, None where it did not get to one.

    What the node's transformation ended with is the program's code; pilots of
    old tell it as that of the program only.
    """
    found = whole(job.get("transExitCode"))
    own = whole(job.get("exeErrorCode"))
    if not found and own:
        return own
    if found is None and job.get("jobStatus") == "finished":
        return 0
    return found if found or job.get("jobStatus") == "finished" else None


def codes(job: Job) -> dict[str, int]:
    """Return the codes that are not 0, by the names that PanDA has for them."""
    names = ["transExitCode", *(f"{part}ErrorCode" for part in _PARTS)]
    return {name: found for name in names if (found := whole(job.get(name)))}


def _is_killed(job: Job) -> bool:
    said = text(job.get("taskBufferErrorDiag")) or ""
    return job.get("commandToPilot") == "tobekilled" or said.startswith("killed by")


def _said(job: Job) -> Iterator[Message]:
    say = refusal if job.get("jobStatus") == "failed" else warning
    if found := whole(job.get("transExitCode")):
        yield say("exit-code", f"what ran on the node ended with exit code {found}", transExitCode=found)
    for part, who in _PARTS.items():
        code, said = whole(job.get(f"{part}ErrorCode")), text(job.get(f"{part}ErrorDiag"))
        if code or said:
            named = f"{part}ErrorCode"
            told = f"{who} says with {named} {code or 0}: {printable(said or 'nothing more')}"
            yield say("panda-error", told, **{named: code})
    if more := text(job.get("jobSubStatus")):
        yield warning("panda-state", f"PanDA calls its state more exactly {printable(more)}")


def _carbon(regional: float | None, world: float | None) -> Iterator[Message]:
    if regional is not None and world is not None:
        text_ = f"{regional:g} g of CO2 by the power of the site's region; {world:g} g by the mean of all"
        yield warning("carbon", text_, gco2_regional=regional, gco2_global=world).model_copy(
            update={"level": "INFO"}
        )


def _moment(first: Callable[..., datetime], jobs: Iterable[Job], name: str) -> datetime | None:
    found = [instant for job in jobs if (instant := moment(job.get(name))) is not None]
    return first(found) if found else None


def _sum(jobs: Iterable[Job], name: str) -> float | None:
    found = [amount for job in jobs if (amount := number(job.get(name))) is not None]
    return sum(found) if found else None


def _peak(jobs: Iterable[Job]) -> int | None:
    # in kB, as the kernel's kB
    found = [amount for job in jobs if (amount := whole(job.get("maxRSS"))) is not None]
    return max(found) * _KIB if found else None


def _bytes(kibibytes: float | None) -> int | None:
    return None if kibibytes is None else round(kibibytes * _KIB)


def _texts(jobs: Iterable[Job], name: str) -> Iterator[str]:
    seen = dict.fromkeys(
        text(job.get(name)) for job in jobs if moment(job.get("startTime")) or name != "modificationHost"
    )
    return (each for each in seen if each is not None)


def _files(jobs: Iterable[Job]) -> Iterator[Mapping[str, Any]]:
    for job in jobs:
        files = job.get("Files")
        for each in files if isinstance(files, list) else []:
            if isinstance(each, dict) and each.get("type") in _MADE and each.get("destinationSE") != "local":
                yield each


def _products(jobs: Iterable[Job]) -> Iterator[Product]:
    for each in _files(jobs):
        name, scope = text(each.get("lfn")), text(each.get("scope"))
        if name and scope and each.get("status") == "ready":
            yield Product(
                name=name,
                location=f"rucio:{scope}:{name}",
                size=whole(each.get("fsize")),
                checksum=_checksum(text(each.get("checksum"))),
            )


def _datasets(jobs: Iterable[Job]) -> Iterator[str]:
    pairs = (
        (text(each.get("scope")), text(each.get("destinationDBlock") or each.get("dataset")))
        for each in _files(jobs)
    )
    return iter(dict.fromkeys(f"{scope}:{name}" for scope, name in pairs if scope and name))


def _checksum(written: str | None) -> Checksum | None:
    kind, colon, value = (written or "").partition(":")
    return Checksum(type=_CHECKSUMS[kind], value=value) if colon and kind in _CHECKSUMS else None
