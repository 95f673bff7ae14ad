"""Whatever comes, both data paths make the same of it; `make fuzz` goes on where these few examples end."""

from collections.abc import Callable

from hypothesis import example, given
from hypothesis import strategies as st

from tests.data_path.both_ways import BothWays
from tests.data_path.byte_backend import Plan
from tests.data_path.cases import LAST, get, post
from tests.data_path.grammar import examples, plans, talks
from tests.data_path.talk import Talk
from tests.system.data_path import head

ASKING = (
    get("/storage/x"),
    get("/public/x"),
    head("/storage/x", method="HEAD"),
    post(b"work"),
    get("/maybe/x"),
)


@examples(300)
@example(talk=Talk((get("/storage/x") + b"Content-Length: 0\r\n\r\n", LAST)))
@given(talk=talks())
async def test_requests(both: BothWays, talk: Talk) -> None:
    await both.same(talk)


@examples(300)
@given(plan=plans(), asking=st.sampled_from(ASKING))
async def test_answers(both: BothWays, plan: Callable[[int], Plan], asking: bytes) -> None:
    seen = await both.same(Talk((asking, LAST)), plan)
    assert not seen.heard.fault
