# SPDX-License-Identifier: Apache-2.0
"""Sessions as single jobs, which need no JEDI."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eb_prefect.brokers.panda.mode import Record, Seen, SubmissionRefusedError
from eb_prefect.brokers.panda.phases import JOB_PHASES
from eb_prefect.brokers.panda.plan import Plan
from eb_prefect.brokers.panda.record import recorded
from eb_prefect.brokers.panda.values import identifier, text
from eb_prefect.brokers.panda.wire import Answer, Wire, printable

_AT_ONCE = 500  # PanDA describes ten times as many in one answer, which would be 25 MB
_NO_RETRY = -1

# a job goes over the wire as a list of its attributes, in this order; those after the last may be left out
_ATTRIBUTES = """
PandaID jobDefinitionID schedulerID pilotID creationTime creationHost modificationTime modificationHost
AtlasRelease transformation homepackage prodSeriesLabel prodSourceLabel prodUserID assignedPriority
currentPriority attemptNr maxAttempt jobStatus jobName maxCpuCount maxCpuUnit maxDiskCount maxDiskUnit
ipConnectivity minRamCount minRamUnit startTime endTime cpuConsumptionTime cpuConsumptionUnit commandToPilot
transExitCode pilotErrorCode pilotErrorDiag exeErrorCode exeErrorDiag supErrorCode supErrorDiag ddmErrorCode
ddmErrorDiag brokerageErrorCode brokerageErrorDiag jobDispatcherErrorCode jobDispatcherErrorDiag
taskBufferErrorCode taskBufferErrorDiag computingSite computingElement jobParameters metadata prodDBlock
dispatchDBlock destinationDBlock destinationSE nEvents grid cloud cpuConversion sourceSite destinationSite
transferType taskID cmtConfig stateChangeTime prodDBUpdateTime lockedby relocationFlag jobExecutionID VO
pilotTiming workingGroup processingType prodUserName nInputFiles countryGroup batchID parentID
specialHandling jobsetID coreCount nInputDataFiles inputFileType inputFileProject inputFileBytes
nOutputDataFiles outputFileBytes jobMetrics workQueue_ID jediTaskID jobSubStatus actualCoreCount reqID
maxRSS maxVMEM maxSWAP maxPSS avgRSS avgVMEM avgSWAP avgPSS maxWalltime nucleus eventService failedAttempt
hs06sec gshare hs06 totRCHAR totWCHAR totRBYTES totWBYTES rateRCHAR rateWCHAR rateRBYTES rateWBYTES
resource_type diskIO memory_leak memory_leak_x2 container_name
"""


@dataclass(frozen=True)
class Jobs:
    """Each session is one job at a ``site``, a queue of PanDA.

    A job's name says nothing to PanDA, which takes two of one name. So each
    job carries a number of ours where those of tasks carry their task's, and
    is found again by that: such numbers begin at 50 000 000 000, far above
    those of tasks. ``transformation`` starts the command on a node; see
    `Tasks`. ``cloud`` and ``working_group`` are as the site's people say.
    """

    site: str
    transformation: str = "runGen-00-00-02"
    cloud: str | None = None
    working_group: str | None = None

    @property
    def together(self) -> int:
        """PanDA describes thousands of jobs at once; hundreds make a document of a decent size."""
        return 200

    @property
    def takes_datasets(self) -> bool:
        """Only JEDI finds the files of a dataset."""
        return False

    def submit(self, wire: Wire, plan: Plan) -> str:
        """Submit the job.

        Raises
        ------
        SubmissionRefusedError
            It will not be run.
        AnswerLostError
            There was no answer; it may run.
        """
        given = json.dumps([self.attributes(plan)])
        answer = wire.post("job/submit", {"jobs": given}, repeatable=False)
        if not answer.success:
            raise SubmissionRefusedError(printable(answer.message) or "it gives no reason")
        return str(_first(wire, answer))

    def find(self, wire: Wire, plan: Plan) -> str | None:
        """Return the handle of the job of the plan's name, the first of several."""
        known = wire.listed(wire.get("task/get_job_ids", task_id=plan.label))
        numbers = sorted(number for each in known if (number := identifier(each)))
        jobs = described(wire, [str(number) for number in numbers])
        if len(jobs) != len(known):
            raise wire.unusable(f"it does not describe all of the jobs {known[:3]}")
        return next((handle for handle, job in jobs.items() if job.get("jobName") == plan.name), None)

    def look(self, wire: Wire, handles: Collection[str]) -> Mapping[str, Seen]:
        """Return how each job is, with one call for all; those of long ago take another."""
        found = {}
        for handle, job in described(wire, list(handles)).items():
            state = text(job.get("jobStatus")) or "unknown"
            found[handle] = Seen(JOB_PHASES.get(state), state, job)
        return found

    def kill(self, wire: Wire, handle: str) -> bool:
        """Ask for the job's end: one that runs ends when its pilot hears of it."""
        answer = wire.post("job/kill", {"job_ids": [int(handle)]})
        return answer.success and answer.data == [True]

    def record(self, wire: Wire, handle: str, seen: Seen) -> Record:  # noqa: ARG002 -- tasks need it
        """Return what the books say about the job."""
        return recorded(handle, seen.state, [seen.document])

    def attributes(self, plan: Plan) -> list[Any]:
        """Return the job as PanDA takes it; its files, of which there are none, come last.

        PanDA would try a job that failed again: told not to, as a session runs once.
        """
        encoded = not self.transformation.rpartition("/")[2].startswith("bash-c")
        given = {
            "jobDefinitionID": 0,
            "transformation": self.transformation,
            "prodSourceLabel": "user",
            "assignedPriority": 1000,
            "currentPriority": 1000,
            "attemptNr": 0,
            "maxAttempt": _NO_RETRY,
            "jobName": plan.name,
            "maxCpuCount": plan.walltime,
            "maxWalltime": plan.walltime or None,
            "maxDiskCount": plan.disk,
            "maxDiskUnit": "MB",
            "minRamCount": plan.memory * plan.cores,
            "minRamUnit": "MB",
            "computingSite": self.site,
            "jobParameters": f'-j "" {plan.pieces}' if encoded else plan.command,
            "destinationDBlock": plan.log,
            "destinationSE": "local",
            "cloud": self.cloud,
            "VO": plan.vo,
            "workingGroup": self.working_group,
            "processingType": "eb-prefect",
            "coreCount": plan.cores,
            "jediTaskID": plan.label,
            "container_name": plan.image,
        }
        return [*(given.get(name) for name in _ATTRIBUTES.split()), []]


def described(wire: Wire, handles: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    """Return the descriptions of jobs that PanDA knows, in the order of their numbers.

    Those that are not in the books of the last days are looked for in the archive.
    """
    found: dict[str, Mapping[str, Any]] = {}
    for start in range(0, len(handles), _AT_ONCE):
        part = list(handles[start : start + _AT_ONCE])
        found |= _jobs(wire, "job/get_description", part)
        if missing := [handle for handle in part if handle not in found]:
            found |= _jobs(wire, "job/get_description_incl_archive", missing)
    return dict(sorted(found.items(), key=lambda each: int(each[0])))


def _jobs(wire: Wire, path: str, handles: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    answer = wire.post(path, {"job_ids": [int(handle) for handle in handles]})
    asked = set(handles)
    jobs = [each for each in wire.listed(answer) if isinstance(each, dict)]
    return {number: job for job in jobs if (number := str(identifier(job.get("PandaID")))) in asked}


def _first(wire: Wire, answer: Answer) -> int:
    # [[PandaID, jobDefinitionID, {...}]], with no PandaID for a job that was not stored
    first = answer.data[0] if isinstance(answer.data, list) and answer.data else None
    number = first[0] if isinstance(first, list) and first else None
    if isinstance(first, list) and number is None:
        raise SubmissionRefusedError("PanDA could not store the job")
    found = identifier(number)
    if found is None:
        raise wire.unusable(f"it took a job and gave it no number: {printable(repr(answer.data))}")
    return found
