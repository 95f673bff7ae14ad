"""The pure parsers under atheris (libFuzzer): `make fuzz` runs it where atheris could be installed.

python -m tests.data_path.atheris_parsers -max_total_time=60
"""

import sys

import atheris  # type: ignore[import-untyped]  # ships no types

with atheris.instrument_imports(include=["gateway.proxy"]):
    from tests.data_path.parser_rules import check_all


def main() -> None:
    atheris.Setup(sys.argv, check_all)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
