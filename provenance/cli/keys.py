# SPDX-License-Identifier: Apache-2.0
"""`eb keys`: the key that signs, and whose keys are trusted."""

import json
from pathlib import Path
from typing import Any

import click

from eb_prefect.home import configuration_path
from provenance.cli.options import Name, json_option
from provenance.errors import CanNotSignError
from provenance.plain import plain
from provenance.policy import policy
from provenance.signing.allowed import NAMESPACE, Allowed, allowed_path, allowed_signers
from provenance.signing.keys import make_key, public_key
from provenance.software import agents


@click.group(invoke_without_command=True)
@json_option
@click.pass_context
def keys(ctx: click.Context, as_json: bool) -> None:
    """Tell which key signs your records and whose keys you trust.

    Fingerprints are as ssh-keygen -l shows them. Keys are those of ssh:
    "eb keys new" is only for who has none, or wants another.

    Example: eb keys --json
    """
    if ctx.invoked_subcommand is None:
        told = {"signing": _signing(), "trusted": [_entry(one) for one in allowed_signers()]}
        click.echo(json.dumps(told) if as_json else "\n".join(_lines(told)))


@keys.command()
@click.option(
    "--out",
    "path",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where to write the private key; the public one goes beside it.  [default: id_ed25519 "
    "beside policy.toml]",
)
@click.option("--no-passphrase", is_flag=True, help="Leave the key unlocked; ask for no passphrase.")
def new(path: Path | None, no_passphrase: bool) -> None:
    """Make a new Ed25519 key; what is there is never overwritten.

    Example: eb keys new
    """
    path = path or configuration_path().with_name("id_ed25519")
    secret = None if no_passphrase else _passphrase()
    key = make_key(path, comment="eb", passphrase=secret)
    click.echo(f"{plain(path)}: {key.fingerprint}")
    click.echo(f'to sign with it, write into policy.toml:  [signing] key = "{plain(path)}"')
    click.echo(f"for those who trust you, in allowed_signers:  {plain(agents()[0].name)} {key.text}")


@keys.command()
@click.argument("principal", type=Name())
@click.argument("key", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def trust(principal: str, key: Path) -> None:
    """Trust records that are signed with KEY, a .pub file, as those of PRINCIPAL.

    Compare the fingerprint with its owner before, by another way than the file's.

    Example: eb keys trust anna@example.org anna.pub
    """
    if not principal or set(principal) & set(' "#,*?!\t'):
        raise click.UsageError("a principal is one name, such as anna@example.org")
    allowed_signers()  # one that can't be used is not made longer
    found, path = public_key(key), allowed_path()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with path.open("a+") as file:
        file.seek(0)
        text = file.read()
        lead = "\n" if text and not text.endswith("\n") else ""
        file.write(f'{lead}{principal} namespaces="{NAMESPACE}" {found.text}\n')
    path.chmod(path.stat().st_mode & ~0o022)
    click.echo(f"{plain(principal)}: {found.fingerprint} is trusted, by {plain(path)}")


def _passphrase() -> str:
    answer: str = click.prompt(
        "Passphrase (empty for none)",
        default="",
        show_default=False,
        hide_input=True,
        confirmation_prompt=True,
        err=True,
    )
    return answer


def _signing() -> dict[str, Any] | None:
    path = policy().signing.key
    if path is None:
        return None
    try:
        return {"path": str(path), "key": public_key(path).fingerprint}
    except CanNotSignError as reason:
        return {"path": str(path), "fault": reason.reason}


def _entry(one: Allowed) -> dict[str, Any]:
    told = {
        "principals": one.principals,
        "key": one.key.fingerprint,
        "valid_after": one.after.isoformat() if one.after else "",
        "valid_before": one.before.isoformat() if one.before else "",
        "namespaces": one.namespaces or "",
    }
    return {name: value for name, value in told.items() if value}


def _lines(told: dict[str, Any]) -> list[str]:
    own = told["signing"]
    lines = [
        f"signing  {plain(own['path'])} {plain(own.get('key') or own['fault'])}" if own else "signing  no"
    ]
    for one in told["trusted"]:
        more = [f"{name.replace('_', ' ')} {one[name]}" for name in list(one)[2:]]
        lines.append(plain(f"trusted  {one['principals']} {' '.join([one['key'], *more])}"))
    return lines if told["trusted"] else [*lines, "trusted  nobody"]
