import re
from secrets import token_bytes

import pytest

from gateway.proxy.trace import Traces, said_trace, trace_id

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SOUND = f"00-{TRACE}-{PARENT}-01"


@pytest.mark.parametrize("line", [SOUND, f"00-{TRACE}-{PARENT}-00", f"cc-{TRACE}-{PARENT}-ff"])
def test_a_sound_line_is_the_clients(line: str) -> None:
    assert said_trace([line]) == line
    assert trace_id(line) == TRACE


@pytest.mark.parametrize(
    "lines",
    [
        (),
        ("",),
        (SOUND, SOUND),
        (f"ff-{TRACE}-{PARENT}-01",),
        (f"00-{'0' * 32}-{PARENT}-01",),
        (f"00-{TRACE}-{'0' * 16}-01",),
        (SOUND.upper(),),
        (SOUND + "-x",),
        (SOUND + "\n",),
        (f"00-{TRACE}-{PARENT}",),
    ],
)
def test_others_are_none(lines: tuple[str, ...]) -> None:
    assert said_trace(lines) is None


def test_what_is_made_is_sound_and_never_the_same() -> None:
    traces = Traces(token_bytes)
    made = [traces.make() for _ in range(200)]
    assert len({trace_id(line) for line in made}) == 200
    for line in made:
        assert said_trace([line]) == line
        assert re.fullmatch(r"00-.*-00", line)
