# SPDX-License-Identifier: Apache-2.0
"""What a flow run's session runs where a test needs no flow: counts itself, and tells the server how it goes.

A flow run in a process of Prefect's own takes seconds to begin.
"""

import json
import os
import sys
import time
import urllib.request
from pathlib import Path

_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def tell(kind: str) -> None:
    run = os.environ["PREFECT__FLOW_RUN_ID"]
    request = urllib.request.Request(
        f"{os.environ['PREFECT_API_URL']}/flow_runs/{run}/set_state",
        json.dumps({"state": {"type": kind}}).encode(),
        {"Content-Type": "application/json"},
    )
    for _ in range(100):  # the server of the tests may be busy
        try:
            _direct.open(request, timeout=60).close()
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise SystemExit(3)


def main(counts: Path, seconds: float, *then: str) -> None:
    with (counts / os.environ["PREFECT__FLOW_RUN_ID"]).open("a") as file:
        file.write(f"{os.getpid()}\n")
    if "silent" not in then:
        tell("RUNNING")
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        time.sleep(0.05)
    if "silent" not in then:
        tell("COMPLETED")
    raise SystemExit(int(then[-1]) if then[-1:] != ("silent",) and then else 0)


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]), *sys.argv[3:])
