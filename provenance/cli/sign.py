# SPDX-License-Identifier: Apache-2.0
"""`eb sign`."""

import json
from pathlib import Path

import click

from provenance.cli.options import json_option, product_argument
from provenance.errors import CanNotAttachError
from provenance.ladder import climb
from provenance.plain import plain
from provenance.products.attach import attach
from provenance.products.found import Binding, Found, worst
from provenance.signing.own import own_signer, sign
from provenance.store import Store


@click.command("sign")
@product_argument
@click.option(
    "--key",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="An OpenSSH key, or the .pub of one that the ssh agent has.  [default: the policy's]",
)
@json_option
def sign_(file: Path, key: Path | None, as_json: bool) -> None:
    """Sign the record of FILE, which must be one of yours, and attach it anew.

    A record is yours if it was made here. What is signed is its digest: that
    you stand behind all that it tells.

    Example: eb sign catalogue.fits --key ~/.ssh/id_ed25519
    """
    found, store = climb(file), Store()
    record = store.find(found.digest)
    product = _product(found)
    own = own_signer(key, passphrase)
    done = attach(file, record, product, sign(record, store, own))
    told = {"path": str(file), "record": record.digest, "key": own.key.fingerprint, "place": done.place}
    text = f"{plain(file)}: signed with {own.key.fingerprint}, in {plain(done.place)}"
    click.echo(json.dumps(told) if as_json else text)


def passphrase(path: Path) -> str:
    """Ask for the passphrase of a key file at the terminal."""
    answer: str = click.prompt(f"Passphrase for {plain(path)}", hide_input=True, err=True)
    return answer


def _product(found: Found) -> str:
    """Return which product of the record the file is, if it is still that."""
    if found.product is None or worst([part.binding for part in found.parts]) is not Binding.BOUND:
        raise CanNotAttachError(found.path, "it is not what its record describes, see eb show")
    return str(found.product["name"])
