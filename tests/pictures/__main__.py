"""Takes the pictures in docs/pictures: `python -m tests.pictures [STATE ...]`; no step waits over 40 s.

With names of states: those alone. The index is written anew from the same tables.
"""

import sys

from tests.pictures.element import PICTURES, take_element
from tests.pictures.index import index
from tests.pictures.pages import take_pages


def main(names: list[str]) -> int:
    (PICTURES / "README.md").write_text(index(), encoding="utf-8")
    if not names:
        take_element()
    missed = take_pages(names)
    sys.stdout.writelines(f"not reached: {words}\n" for words in missed)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
