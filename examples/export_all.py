# SPDX-License-Identifier: Apache-2.0
"""Write how a product was made in every form that others read.

Run it as ``python examples/export_all.py PRODUCT DIRECTORY``, for example
with what two_steps.py made. The command `eb export` does the same for one
form. A form whose library is not installed is left out.
"""

import sys
from pathlib import Path

from provenance.errors import NeedsExtraError
from provenance.exports.crate import pack
from provenance.exports.export import FORMATS, export
from provenance.exports.story import Story
from provenance.ladder import climb
from provenance.record import read_record


def main(product: Path, directory: Path) -> None:
    """Write one file a form, and an RO-Crate that holds the product, too."""
    directory.mkdir(parents=True)
    found = climb(product)
    record = read_record(found.text, found.place)
    carrier = str(found.product["name"]) if found.product else None
    for name, form in FORMATS.items():
        try:
            text = export(record, name, carrier=carrier)
        except NeedsExtraError as missing:
            print(f"{name}: {missing}")
            continue
        (directory / name).write_bytes(text)
        print(f"{name}: {len(text)} bytes of {form.about}")
    pack(Story(record, (), carrier, product), directory / "crate.zip")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
