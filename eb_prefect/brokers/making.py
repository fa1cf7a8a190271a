# SPDX-License-Identifier: Apache-2.0
"""From an entry of the configuration to its broker."""

from functools import partial

from eb_prefect.brokers.batch.broker import BatchBroker
from eb_prefect.brokers.batch.host import Host
from eb_prefect.brokers.batch.settings import BatchSettings
from eb_prefect.brokers.condor.scheduler import HTCondorScheduler
from eb_prefect.brokers.configuration import BrokerEntry
from eb_prefect.brokers.credentials import Secret, secret
from eb_prefect.brokers.embedded.broker import EmbeddedBroker
from eb_prefect.brokers.http.auth import Basic, Bearer
from eb_prefect.brokers.http.broker import HTTPBroker
from eb_prefect.brokers.http.network import Network
from eb_prefect.brokers.panda.broker import PandaBroker
from eb_prefect.brokers.panda.job import Jobs
from eb_prefect.brokers.panda.task import Tasks
from eb_prefect.brokers.protocol import Broker
from eb_prefect.brokers.psij.lsf import LSF
from eb_prefect.brokers.psij.pbs import PBS
from eb_prefect.brokers.psij.scheduler import ANY, PsijScheduler
from eb_prefect.brokers.slurm.broker import RemoteSlurmBroker, SlurmBroker
from eb_prefect.brokers.slurm.rest import SlurmREST
from eb_prefect.wire.dialect import Dialect

_OF_SETTINGS = ("queues", "options", "setup", "directory", "python", "runtime", "interval")


def made(name: str, entry: BrokerEntry) -> Broker:
    """Return the broker that an entry describes; nothing is asked of it."""
    match entry.kind:
        case "http":
            return _at(entry.url or "", name, entry)
        case "embedded":
            return EmbeddedBroker()
        case "slurm":
            return _slurm(name, entry)
        case "panda":
            return _panda(name, entry)
        case "pbs" | "lsf":
            return BatchBroker(entry.kind, _through_psij(entry), settings=settings(entry))
        case "condor":
            return BatchBroker(entry.kind, HTCondorScheduler(), settings=settings(entry))


def _slurm(name: str, entry: BrokerEntry) -> Broker:
    host = None if entry.ssh is None else _host(entry.ssh)
    scheduler = None if entry.url is None else _rest(entry.url, name, entry)
    if host is None:
        return SlurmBroker(scheduler, settings=settings(entry))
    return RemoteSlurmBroker(host, scheduler, settings=settings(entry))


def _rest(at: str, name: str, entry: BrokerEntry) -> SlurmREST:
    token = secret(name, entry, "token")
    return SlurmREST(at, user=entry.user, token=token and partial(_token, token), network=_network(entry))


def _panda(name: str, entry: BrokerEntry) -> PandaBroker:
    return PandaBroker(
        entry.url or "",
        vo=entry.vo or "",
        token=secret(name, entry, "token"),
        user=entry.user,
        mode=_jobs(entry) if entry.mode == "jobs" else _tasks(entry),
        outputs=entry.outputs,
        name=name,
        network=_network(entry),
    )


def _tasks(entry: BrokerEntry) -> Tasks:
    return Tasks(
        site=next(iter(entry.queues), None),
        working_group=entry.working_group,
        transformation=entry.transformation,
        destination=entry.destination,
    )


def _jobs(entry: BrokerEntry) -> Jobs:
    given = {} if entry.transformation is None else {"transformation": entry.transformation}
    return Jobs(site=entry.queues[0], working_group=entry.working_group, **given)


def _through_psij(entry: BrokerEntry) -> PsijScheduler:
    queues = tuple(ANY._replace(name=queue) for queue in entry.queues) or (ANY,)
    return PsijScheduler(PBS if entry.kind == "pbs" else LSF, queues=queues)


def _token(given: Secret) -> str:
    # what `scontrol token` prints is an assignment
    return given().removeprefix("SLURM_JWT=")


def _host(name: str) -> Host:
    from eb_prefect.brokers.batch.ssh import Ssh  # noqa: PLC0415 - an extra, and slow to import

    return Ssh(name)


def settings(entry: BrokerEntry) -> BatchSettings:
    """Return what an entry says of a batch system."""
    return BatchSettings(**{key: getattr(entry, key) for key in entry.given(_OF_SETTINGS)})


def _at(url: str, name: str, entry: BrokerEntry) -> HTTPBroker:
    return HTTPBroker(
        url,
        name=name,
        dialect=None if entry.dialect is None else Dialect(entry.dialect),
        auth=_auth(name, entry),
        network=_network(entry),
    )


def _network(entry: BrokerEntry) -> Network:
    return Network() if entry.ca is None else Network(verify=entry.ca)


def _auth(name: str, entry: BrokerEntry) -> Basic | Bearer | None:
    password, token = secret(name, entry, "password"), secret(name, entry, "token")
    if password is not None and entry.user is not None:
        return Basic(entry.user, password())
    return None if token is None else Bearer(token)
