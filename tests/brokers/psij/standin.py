#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The commands of PBS and of LSF, in the formats of their manuals, over processes of this machine.

It is what it is called by: qsub, qstat, qdel, bsub, bjobs or bkill. Jobs are
directories below ``$STANDIN_JOBS``; one that asks for a time to begin at
waits for ever. ``$STANDIN_MOST`` limits how many jobs there can be.
"""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

JOBS = Path(os.environ["STANDIN_JOBS"])
SERVER = ".pbs.example"


def submitted(script: str, mark: str, begin: str, variable: str, suffix: str) -> str | None:
    """Start a script as a job, and return its number; None if that is refused."""
    text = Path(script).read_text()
    given = dict(re.findall(rf'^#{mark} -(\S+) "?([^"\n]*)"?$', text, re.MULTILINE))
    if given.get("q") == "nowhere":
        return None
    JOBS.mkdir(parents=True, exist_ok=True)
    most = int(os.environ.get("STANDIN_MOST", "9998"))
    number = next((number for number in map(str, range(1, most + 1)) if made(JOBS / number)), None)
    if number is None:
        return None
    (JOBS / number / "name").write_text(given.get("N") or given.get("J", ""))
    if begin not in given:
        start(JOBS / number, text, {variable: number + suffix})
    return number


def made(job: Path) -> bool:
    try:
        job.mkdir()
    except FileExistsError:
        return False
    return True


def start(job: Path, text: str, environment: dict[str, str]) -> None:
    (job / "script").write_text(text)
    around = os.environ if re.search("^#(PBS -V|BSUB -env all)$", text, re.MULTILINE) else {}
    process = subprocess.Popen(
        ["sh", "-c", 'bash "$0"/script; echo $? > "$0"/partial; mv "$0"/partial "$0"/ended', job],
        env={**around, "PATH": "/usr/bin:/bin", **environment},
        start_new_session=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    (job / "pid").write_text(str(process.pid))


def state(job: Path) -> str:
    """Return one of unknown, waiting, running, deleted, or the exit code."""
    if not job.is_dir():
        return "unknown"
    if (job / "ended").exists():
        return (job / "ended").read_text().strip()
    if (job / "deleted").exists():
        return "deleted"
    return "running" if (job / "pid").exists() else "waiting"


def delete(job: Path) -> None:
    was = state(job)
    (job / "deleted").touch()
    if was == "running":
        os.killpg(int((job / "pid").read_text()), signal.SIGKILL)


def qsub(arguments: list[str]) -> int:
    number = submitted(arguments[0], "PBS", "a", "PBS_JOBID", SERVER)
    if number is None:
        print("qsub: Unknown queue, or beyond the limit of jobs", file=sys.stderr)
        return 170
    print(number + SERVER)
    return 0


def qstat(arguments: list[str]) -> int:
    """Answer ``qstat -f -F json -x``, which is all that psij asks."""
    assert arguments[:4] == ["-f", "-F", "json", "-x"]
    jobs, code = {}, 0
    for handle in arguments[4:]:
        job = JOBS / handle.removesuffix(SERVER)
        if state(job) == "unknown":
            print(f"qstat: Unknown Job Id {handle}", file=sys.stderr)
            code = 153
        else:
            jobs[handle] = {"Job_Name": (job / "name").read_text(), **pbs_state(state(job))}
            if "STANDIN_FIRST_ONLY" in os.environ:
                break
    answer = {"timestamp": 1795471472, "pbs_version": "23.06.06", "pbs_server": SERVER[1:]}
    print(json.dumps({**answer, "Jobs": jobs} if jobs else answer))
    return code


def pbs_state(word: str) -> dict[str, object]:
    match word:
        case "waiting":
            return {"job_state": "W", "substate": 30, "comment": "Not Running: Waiting for its time"}
        case "running":
            return {"job_state": "R", "substate": 42, "exec_host": "n1/0*2+n1/1"}
        case "deleted":
            return {"job_state": "F", "substate": 91, "Exit_status": 265}
    return {"job_state": "F", "substate": 92, "Exit_status": int(word), "exec_host": "n1/0"}


def qdel(arguments: list[str]) -> int:
    code = 0
    for handle in arguments:
        job = JOBS / handle.removesuffix(SERVER)
        if state(job) in {"waiting", "running"}:
            delete(job)
            continue
        said = "Unknown Job Id" if state(job) == "unknown" else "Job has finished"
        print(f"qdel: {said} {handle}", file=sys.stderr)
        code = 153 if state(job) == "unknown" else 35
    return code


def bsub(arguments: list[str]) -> int:
    number = submitted(arguments[0], "BSUB", "b", "LSB_JOBID", "")
    if number is None:
        print("nowhere: No such queue. Job not submitted.", file=sys.stderr)
        return 255
    print(f"Job <{number}> is submitted to default queue <normal>.")
    return 0


def bjobs(arguments: list[str]) -> int:
    """Answer ``bjobs -o FIELDS -json -a``, which is all that psij asks."""
    assert arguments[:1] + arguments[2:4] == ["-o", "-json", "-a"]
    records = [{"JOBID": handle, **lsf_state(handle)} for handle in arguments[4:]]
    print(json.dumps({"COMMAND": "bjobs", "JOBS": len(records), "RECORDS": records}))
    return 255 if any("ERROR" in record for record in records) else 0


def lsf_state(handle: str) -> dict[str, str]:
    word = state(JOBS / handle)
    if word == "unknown":
        return {"ERROR": f"Job <{handle}> is not found"}
    known = {"waiting": "PEND", "running": "RUN", "deleted": "EXIT", "0": "DONE"}
    why = "TERM_OWNER: job killed by owner" if word == "deleted" else ""
    reasons = {"EXIT_REASON": why, "KILL_REASON": "", "SUSPEND_REASON": ""}
    return {"STAT": known.get(word, "EXIT"), **reasons}


def bkill(arguments: list[str]) -> int:
    code = 0
    for handle in arguments:
        if state(JOBS / handle) in {"waiting", "running"}:
            delete(JOBS / handle)
            print(f"Job <{handle}> is being terminated")
            continue
        unknown = state(JOBS / handle) == "unknown"
        said = "No matching job found" if unknown else "Job has already finished"
        print(f"Job <{handle}>: {said}", file=sys.stderr)
        code = 255
    return code


if __name__ == "__main__":
    commands = {"qsub": qsub, "qstat": qstat, "qdel": qdel, "bsub": bsub, "bjobs": bjobs, "bkill": bkill}
    sys.exit(commands[Path(sys.argv[0]).name](sys.argv[1:]))
