# SPDX-License-Identifier: Apache-2.0
"""Requests of any content, for property tests."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from eb_prefect.model.compute import SimpleCompute, VolumeMount
from eb_prefect.model.data import (
    Datalink,
    IvoaData,
    IvoaTerms,
    ObsCore,
    Replica,
    RucioData,
    RucioDID,
    S3Data,
    SimpleData,
    SkaoData,
    SkaoTerms,
)
from eb_prefect.model.executable import (
    DockerContainer,
    Image,
    JupyterNotebook,
    JupyterServer,
    Platform,
    Program,
    SingularityContainer,
)
from eb_prefect.model.moment import Span
from eb_prefect.model.parts import Amount, Checksum, Range
from eb_prefect.model.request import ExecutionRequest, Requested, RequestSchedule
from eb_prefect.model.storage import SimpleStorage
from eb_prefect.wire.dialect import Dialect

WORDS = st.sampled_from(
    [
        "YES",
        "no",
        "null",
        "~",
        "true",
        "010",
        "1e5",
        "1.10",
        "12:30",
        "2026-11-23",
        "<<",
        "- x",
        "a: b",
        "{",
        "%",
    ]
)
TEXTS = st.one_of(WORDS, st.text(min_size=1, max_size=12))
COUNTS = st.integers(1, 10**12)


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


def ranges() -> st.SearchStrategy[Range]:
    # an empty range is written as none
    return st.builds(Range, min=COUNTS, max=maybe(COUNTS))


def environments() -> st.SearchStrategy[dict[str, str]]:
    return st.dictionaries(TEXTS, st.text(max_size=8) | WORDS, max_size=3)


def commands() -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.text(max_size=8) | WORDS, max_size=4).map(tuple)


def docker(dialect: Dialect) -> st.SearchStrategy[DockerContainer]:
    b = dialect is not Dialect.A
    return st.builds(
        DockerContainer,
        name=maybe(TEXTS),
        image=st.builds(
            Image,
            locations=st.lists(TEXTS, min_size=1, max_size=2).map(tuple),
            digest=maybe(TEXTS),
            platform=maybe(st.builds(Platform, architecture=TEXTS, os=maybe(TEXTS))),
        ),
        privileged=maybe(st.booleans()),
        entrypoint=maybe(TEXTS),
        command=commands() if b else st.just(()),
        environment=environments(),
        labels=environments() if dialect in (Dialect.B2, Dialect.NEUTRAL) else st.just({}),
    )


def executables(dialect: Dialect) -> st.SearchStrategy[Any]:
    checksum = maybe(st.builds(Checksum, type=TEXTS, value=TEXTS))
    parameters = st.dictionaries(TEXTS, st.integers() | st.booleans() | TEXTS, max_size=2)
    return st.one_of(
        docker(dialect),
        st.builds(SingularityContainer, location=TEXTS),
        st.builds(
            JupyterNotebook,
            location=TEXTS,
            parameters=parameters if dialect is Dialect.NEUTRAL else st.just({}),
        ),
        st.builds(
            JupyterServer,
            location=maybe(TEXTS),
            checksum=checksum if dialect is Dialect.NEUTRAL else st.none(),
            environment=environments(),
        ),
        st.builds(Program, name=maybe(TEXTS), command=commands(), environment=environments()),
    )


def data(name: str, dialect: Dialect) -> st.SearchStrategy[Any]:
    checksum = maybe(st.builds(Checksum, type=TEXTS, value=TEXTS))
    ours = checksum if dialect is Dialect.NEUTRAL else st.none()
    given: dict[str, Any] = {"name": st.just(name)}
    ivoa = st.builds(
        IvoaTerms,
        ivoid=TEXTS,
        obscore=maybe(st.builds(ObsCore, obs_id=TEXTS, calib_level=maybe(st.integers(0, 4)))),
        datalink=maybe(st.builds(Datalink, ID=TEXTS, link_authorized=maybe(st.booleans()))),
    )
    skao = st.builds(
        SkaoTerms,
        namespace=TEXTS,
        objectname=TEXTS,
        datasize=maybe(COUNTS),
        checksum=checksum,
        replicas=st.lists(st.builds(Replica, rsename=TEXTS, dataurl=maybe(TEXTS)), max_size=2).map(tuple),
    )
    return st.one_of(
        st.builds(SimpleData, **given, location=maybe(TEXTS), checksum=ours),
        st.builds(S3Data, **given, bucket=TEXTS, object=maybe(TEXTS), checksum=ours),
        st.builds(
            RucioData, **given, rucio=st.builds(RucioDID, scope=TEXTS, type=maybe(TEXTS)), checksum=ours
        ),
        st.builds(IvoaData, **given, ivoa=ivoa, checksum=ours),
        st.builds(SkaoData, **given, ivoa=maybe(ivoa), skao=skao),
    )


def spans() -> st.SearchStrategy[Span]:
    starts = st.datetimes(datetime(1990, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
    return st.builds(Span, starts, st.timedeltas(timedelta(), timedelta(days=400)))


@st.composite
def requests(draw: st.DrawFn, dialect: Dialect) -> ExecutionRequest:
    """Return a request that the dialect can express."""
    is_b = dialect in (Dialect.B1, Dialect.B2)
    names = draw(st.lists(TEXTS, unique=True, max_size=4))
    stores = draw(st.integers(0, len(names)))
    volumes = [] if not names else draw(st.lists(mounts(names, single=is_b), max_size=3))
    volumes = [v.model_copy(update={"name": f"volume {n}"}) for n, v in enumerate(volumes)]
    attached = len(volumes) if is_b else draw(st.integers(0, len(volumes)))
    amounts = st.lists(st.builds(Amount, type=TEXTS, min=st.floats(-1e9, 1e9)), max_size=2).map(tuple)
    has_amounts = dialect in (Dialect.B2, Dialect.NEUTRAL)
    length = st.timedeltas(timedelta(), timedelta(days=400))
    requested = st.builds(Requested, duration=length, start=maybe(spans()))
    return ExecutionRequest(
        name=None if is_b else draw(maybe(TEXTS)),
        description=None if is_b else draw(maybe(TEXTS)),
        executable=draw(executables(dialect)),
        compute=SimpleCompute(
            name=draw(maybe(TEXTS)), cores=draw(maybe(ranges())), volumes=tuple(volumes[:attached])
        ),
        volumes=tuple(volumes[attached:]),
        storage=tuple(SimpleStorage(name=name, size=draw(maybe(ranges()))) for name in names[:stores]),
        data=tuple(draw(data(name, dialect)) for name in names[stores:]),
        schedule=draw(maybe(st.builds(RequestSchedule, requested=requested))),
        costs=draw(amounts) if has_amounts else (),
        metrics=draw(amounts) if has_amounts else (),
    )


def mounts(names: list[str], *, single: bool) -> st.SearchStrategy[VolumeMount]:
    return st.builds(
        VolumeMount,
        path=TEXTS,
        mode=st.sampled_from(["READONLY", "READWRITE"]),
        cardinality=st.none() if single else st.sampled_from([None, "INSTANCE", "CONTAINER"]),
        resources=st.lists(st.sampled_from(names), min_size=1, max_size=1 if single else 3).map(tuple),
    )
