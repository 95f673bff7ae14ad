"""The pure parsers under made-up bytes; `make fuzz` does the same for as long as one likes."""

from hypothesis import example, given
from hypothesis import strategies as st

from tests.data_path.cases import ODD, SOUND
from tests.data_path.grammar import answer_bytes, chunk_bytes, examples, mutated, requests
from tests.data_path.parser_rules import check_answer, check_chunks, check_frames, check_request


@examples(400)
@given(data=mutated(requests(), one_in=2))
def test_heads_of_requests(data: bytes) -> None:
    check_request(data)


def test_heads_of_the_tables() -> None:
    for data in (*SOUND.values(), *ODD.values()):
        check_request(data)


@examples(400)
@given(data=mutated(answer_bytes(), one_in=2))
def test_heads_of_answers(data: bytes) -> None:
    check_answer(data)


@examples(400)
@example(data=b"1\r\na\r\n0\r\nX: y\r\n\r\nrest", cuts=[1, 2, 3, 9, 12, 20])
@given(data=mutated(chunk_bytes(), one_in=2), cuts=st.lists(st.integers(0, 400), max_size=8))
def test_chunks(data: bytes, cuts: list[int]) -> None:
    check_chunks(data, cuts)
    check_chunks(data, range(len(data)))


_FRAMES = st.tuples(
    st.sampled_from((0x81, 0x82, 0x01, 0x00, 0x80, 0x88, 0x89, 0x8A, 0xC1, 0x83)),
    st.sampled_from((0x00, 0x02, 0x7D, 0x7E, 0x7F, 0x80, 0x82, 0xFE, 0xFF)),
    st.binary(max_size=140),
).map(lambda parts: bytes(parts[:2]) + parts[2])


@examples(400)
@given(data=st.lists(_FRAMES, max_size=4).map(b"".join), cuts=st.lists(st.integers(0, 300), max_size=6))
def test_frames(data: bytes, cuts: list[int]) -> None:
    check_frames(data, cuts)
    check_frames(data, range(len(data)))
