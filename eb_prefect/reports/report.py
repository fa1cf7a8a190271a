# SPDX-License-Identifier: Apache-2.0
"""The report of one step.

It goes to a server that others read. So its secrets are taken out as they
are of a record, and addresses lose what could let somebody in. What brokers
and requests say is shown as text.
"""

import shlex
from collections.abc import Iterator
from typing import Any, NamedTuple

from eb_prefect.ending import reasons
from eb_prefect.model.parts import Connector
from eb_prefect.model.phase import Phase
from eb_prefect.model.session import Outcome, Product
from eb_prefect.model.steprun import StepRun
from eb_prefect.outputs import stream_links
from eb_prefect.redact import redacted
from eb_prefect.reports.lengths import length_text, moment_text, size_text
from eb_prefect.reports.markdown import block, code, link, picture, plain, public_url, table, words
from eb_prefect.reports.resources import costs, granted_by, resources
from eb_prefect.reports.spans import Lasted, lasted
from eb_prefect.reports.timeline import timeline

MOST = 40
"""Rows of a table beyond which the rest is only counted."""

_ENVIRONMENT = ("environment", "parameters")


class More(NamedTuple):
    """What a package that knows more of a step adds to its report.

    ``sections`` are Markdown, each with its heading. ``commands`` are what a
    person may type to go on, as a shell takes it.
    """

    sections: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()


_NOTHING = More()


def report(run: StepRun, more: More = _NOTHING) -> str:
    """Return the report of a step that has ended, however it ended."""
    return "\n\n".join(filter(None, _parts(clean(run), more))) + "\n"


def clean(run: StepRun) -> StepRun:
    """Return the story without what looks secret in it."""
    return StepRun.model_validate(redacted(run.neutral()).document)


def counted(rows: list[list[str]], width: int) -> list[list[str]]:
    """Return the rows, of very many the first and how many more there are."""
    if len(rows) <= MOST:
        return rows
    return [*rows[:MOST], [f"and {len(rows) - MOST} more", *[""] * (width - 1)]]


def _parts(run: StepRun, more: More) -> Iterator[str]:
    phases = lasted(run.changes)
    yield f"## {words(run.name)}: {words(run.session.phase)}"
    yield _why(run)
    if phases:
        yield picture(timeline(phases, f"Phases of {run.name}"), "The phases of the step along the time")
    yield _where(run)
    yield _used(run)
    yield _section("Phases", ("phase", "seen (UTC)", "or earlier by", "lasted"), _phases(phases))
    yield (
        "A bar is pale where the next phase may have come already."
        if any(one.doubt for one in phases)
        else ""
    )
    yield _section("What ran", ("what", ""), _what(run))
    yield _section("Products", ("product", "size", "digest"), [_product(one) for one in run.session.products])
    yield from more.sections
    yield f"### Go on\n\n{block((*more.commands, *_commands(run)))}"


def _section(title: str, head: tuple[str, ...], rows: list[list[str]]) -> str:
    return f"### {title}\n\n{table(head, counted(rows, len(head)))}" if rows else ""


def _why(run: StepRun) -> str:
    if run.session.phase == Phase.COMPLETED:
        return ""
    said = [f"- {words(reason, 1000)}" for reason in reasons(run.session)[:10]]
    return "\n".join(
        [f"**Why it is {words(run.session.phase)}**", "", *(said or ["- the broker does not say"])]
    )


def _where(run: StepRun) -> str:
    broker, session = run.broker, run.session
    address = session.url or (f"{broker.url}/sessions/{session.uuid}" if broker.kind == "http" else None)
    rows = [
        ["broker", _linked(broker.url, broker.name), words(f"{broker.kind} {broker.version or ''}")],
        ["session", _linked(address, session.uuid), granted_by(session)],
        *([_labelled(one.kind), link(one.location or ""), words(one.status or "")] for one in _links(run)),
        *(["log", link(one.location or "", name), ""] for name, one in _logs(run)),
    ]
    return table(("where", "", ""), rows[:MOST])


def _linked(address: str | None, title: str) -> str:
    return link(address or "", title) if public_url(address) else words(title)


def _links(run: StepRun) -> Iterator[Connector]:
    """Yield where a person can go: what is no stream and no product."""
    streams = [one for name in ("stdout", "stderr") for one in stream_links(run.session, name)]
    products = {product.location for product in run.session.products}
    for one in run.session.connectors:
        if one not in streams and one.location not in products and public_url(one.location):
            yield one


def _logs(run: StepRun) -> Iterator[tuple[str, Connector]]:
    for name in ("stdout", "stderr"):
        yield from ((name, one) for one in stream_links(run.session, name)[:1] if public_url(one.location))


def _labelled(kind: str | None) -> str:
    return words((kind or "link").rstrip("/").rpartition("/")[2].rpartition(":")[2], 40)


def _used(run: StepRun) -> str:
    rows = [list(row) for row in resources(run)]
    paid = [list(row) for row in costs(run)]
    used = _section("Resources", ("what", "asked", "granted", "used"), rows)
    cost = _section("Costs and metrics of the offer", ("what", "amount", ""), paid)
    return "\n\n".join(filter(None, (used, cost, _ended(run.session.outcome))))


def _ended(outcome: Outcome | None) -> str:
    if outcome is None:
        return ""
    said = [
        f"exit code {outcome.exit_code}" if outcome.exit_code is not None else "",
        f"signal {outcome.signal}" if outcome.signal is not None else "",
        f"state {outcome.state}" if outcome.state else "",
        *(f"{name} {number}" for name, number in outcome.codes.items()),
    ]
    told = ", ".join(filter(None, said))
    return f"The program ended with {words(told)}." if told else ""


def _phases(phases: tuple[Lasted, ...]) -> list[list[str]]:
    return [
        [
            words(one.phase, 40),
            moment_text(one.seen),
            length_text(one.doubt) if one.doubt else "",
            "" if one.seconds is None else length_text(one.seconds),
        ]
        for one in phases
    ]


def _what(run: StepRun) -> list[list[str]]:
    told = run.request.executable.neutral() if run.request.executable else {}
    given = [("input", _input(one.neutral())) for one in run.request.data]
    return [[label, text] for label, text in (*_executable(told), *given) if text]


def _input(told: dict[str, Any]) -> str:
    return " ".join(filter(None, (words(told.get("name", "")), code(told.get("location", "")))))


def _executable(told: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield "kind", words(str(told.get("kind", "")).rpartition("/")[2])
    image = told.get("image") or {}
    yield "image", code(", ".join(image.get("locations") or ()), 500)
    yield "image digest", code(image.get("digest") or "")
    yield "location", code(told.get("location") or "", 500)
    yield "entrypoint", code(told.get("entrypoint") or "", 500)
    yield "command", code(shlex.join(told.get("command") or ()), 1000)
    for field in _ENVIRONMENT:
        yield from (("with", code(f"{name}={value}")) for name, value in (told.get(field) or {}).items())


def _product(one: Product) -> list[str]:
    digest = f"{words(one.checksum.type or '')} {code(one.checksum.value or '')}" if one.checksum else ""
    where = link(one.location, one.name) if public_url(one.location) else words(one.name)
    return [where, "" if one.size is None else size_text(one.size), digest]


def _commands(run: StepRun) -> Iterator[str]:
    named = _broker_option(run)
    session = shlex.quote(plain(run.session.uuid))
    yield f"eb session {session}{named}"
    yield f"eb logs {session}{named}"


def _broker_option(run: StepRun) -> str:
    """Return how a command names the broker, which is the embedded one where it names none."""
    kind = run.broker.kind
    name = "" if kind == "embedded" else (public_url(run.broker.url) or kind)
    return f" --broker {shlex.quote(plain(name))}" if name else ""
