"""The pure parsers under atheris (libFuzzer): `make fuzz` runs it where atheris could be installed.

python -m tests.data_path.atheris_parsers -max_total_time=60
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import atheris  # type: ignore[import-untyped]  # ships no types

with atheris.instrument_imports(include=["gateway.proxy"]):
    from tests.data_path.parser_rules import check_all

from tests.data_path import answers, cases


def main() -> None:
    """Begins with the tables of the tests, whose grammar it would take long to find."""
    with TemporaryDirectory() as folder:
        heads = [b"r" + sent for sent in (*cases.SOUND.values(), *cases.ODD.values())]
        told = [b"".join(plan.pieces) for plan in (*answers.SOUND.values(), *answers.BROKEN.values())]
        bodies = [b"c\x07" + said.partition(b"\r\n\r\n")[2] for said in told if b"chunked" in said]
        for number, seed in enumerate([*heads, *(b"a" + said for said in told), *bodies]):
            (Path(folder) / str(number)).write_bytes(seed[:4000])
        atheris.Setup([*sys.argv, folder], check_all)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
