# SPDX-License-Identifier: Apache-2.0
"""What a command and a file cost over ssh, beside the command ``ssh`` with and without a shared connection.

    PYTHONPATH=. .venv/bin/python -m tests.benchmarks.ssh_host

The server is on loopback, and the user's shell reads no files of its own.
"""

import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from eb_prefect.brokers.batch.ssh import Ssh
from tests.sshd import Sshd

ROUNDS = 30


def milliseconds(work: Callable[[], object]) -> float:
    took = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        work()
        took.append(time.perf_counter() - began)
    return statistics.median(took) * 1000


def at_once(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: work(), range(ROUNDS)))
    return (time.perf_counter() - began) / ROUNDS * 1000


def megabytes_a_second(size: int, work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return size / 1e6 / (time.perf_counter() - began)


def main() -> None:
    with tempfile.TemporaryDirectory() as place:
        server = Sshd(Path(place) / "sshd")
        server.start()
        small, large = Path(place) / "small", Path(place) / "large"
        small.write_bytes(bytes(1000))
        large.write_bytes(bytes(300_000_000))
        alone = ["ssh", "-F", str(server.configuration)]
        shared = [*alone, "-o", f"ControlPath={place}/control"]
        subprocess.run(
            [*shared, "-o", "ControlMaster=yes", "-o", "ControlPersist=yes", "-fN", "host"], check=True
        )
        host = Ssh("host", configuration=server.configuration)
        host.run(["true"])
        host.read(str(small))

        def by(ssh: list[str], *command: str) -> Callable[[], object]:
            return lambda: subprocess.run([*ssh, "host", *command], check=True, stdout=subprocess.DEVNULL)

        print(f"true, one by one         Ssh {milliseconds(lambda: host.run(['true'])):7.1f} ms")
        print(f"                         ssh {milliseconds(by(alone, 'true')):7.1f} ms")
        print(f"       ssh, shared connection {milliseconds(by(shared, 'true')):6.1f} ms")
        print(f"true, 8 at a time, each  Ssh {at_once(lambda: host.run(['true'])):7.1f} ms")
        print(f"       ssh, shared connection {at_once(by(shared, 'true')):6.1f} ms")
        print(f"1 kB read                Ssh {milliseconds(lambda: host.read(str(small))):7.1f} ms")
        print(f"                     ssh cat {milliseconds(by(alone, 'cat', str(small))):7.1f} ms")
        print(f"   ssh cat, shared connection {milliseconds(by(shared, 'cat', str(small))):6.1f} ms")
        size = large.stat().st_size
        ours = megabytes_a_second(size, lambda: sum(map(len, host.stream(str(large)))))
        print(f"300 MB streamed          Ssh {ours:7.0f} MB/s")
        print(
            f"                     ssh cat {megabytes_a_second(size, by(alone, 'cat', str(large))):7.0f} MB/s"
        )
        ours = megabytes_a_second(size, lambda: host.send(large, f"{place}/sent"))
        scp = ["scp", "-q", "-F", str(server.configuration), str(large), f"host:{place}/scp"]
        print(f"300 MB sent              Ssh {ours:7.0f} MB/s")
        theirs = megabytes_a_second(size, lambda: subprocess.run(scp, check=True))
        print(f"                         scp {theirs:7.0f} MB/s")
        subprocess.run([*shared, "-O", "exit", "host"], check=True, stderr=subprocess.DEVNULL)
        host.close()
        server.stop()


main()
