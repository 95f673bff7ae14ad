"""Which parsers of heads are used: the compiled ones of bookgate[fast] where they are, else the pure ones.

Both take the same and make the same of it. BOOKGATE_PURE=1 in the environment: the pure ones.
"""

import os
from collections.abc import Callable
from types import ModuleType
from typing import Final

from gateway.proxy import answer_head, canonical
from gateway.proxy.answer_head import AnswerHead
from gateway.proxy.fields import Lines
from gateway.proxy.head import Head

try:
    import bookgate_fast
except ImportError:
    bookgate_fast = None

EDITION: Final = 3  # one more with every change of what a parser takes or makes


def usable(found: ModuleType | None, environment: str) -> ModuleType | None:
    """The compiled parsers, if they are of this edition. environment: BOOKGATE_PURE."""
    if found is None or environment == "1" or found.EDITION != EDITION:
        return None
    return found


_compiled: Final = usable(bookgate_fast, os.environ.get("BOOKGATE_PURE", ""))
COMPILED: Final = _compiled is not None

head_end: Final[Callable[[bytes, int], int]] = canonical.head_end if _compiled is None else _compiled.head_end
read_request: Final[Callable[[bytes, Lines, frozenset[str]], Head | None]] = (
    canonical.read_request if _compiled is None else _compiled.read_request
)
read_answer: Final[Callable[[bytes], AnswerHead]] = (
    answer_head.read_answer if _compiled is None else _compiled.read_answer
)
