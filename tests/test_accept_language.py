import pytest

from gateway.pages.accept_language import choose

OFFERED = ("en", "de")


@pytest.mark.parametrize(
    ("lines", "chosen"),
    [
        pytest.param([], "en", id="nothing said"),
        pytest.param(["de"], "de", id="as it is"),
        pytest.param(["de-AT"], "de", id="a region of it"),
        pytest.param(["DE-at"], "de", id="in capitals"),
        pytest.param(["fr, de;q=0.8, en;q=0.9"], "en", id="by weight"),
        pytest.param(["fr", "de;q=0.1"], "de", id="on two lines"),
        pytest.param(["de, en"], "de", id="the first of two alike"),
        pytest.param(["de;q=0"], "en", id="refused"),
        pytest.param(["*"], "en", id="any"),
        pytest.param(["fr;q=0.9, *;q=0.1, de;q=0.5"], "de", id="any but last"),
        pytest.param(["fr"], "en", id="one that we have not"),
        pytest.param(["dex, d, deu-DE"], "en", id="others that begin so"),
        pytest.param(["de;q=2, ;;;, \x00, de;q=0.5555"], "en", id="not to be read"),
        pytest.param(["," * 60 + "de"], "en", id="too long"),
    ],
)
def test_the_language_that_is_wanted_most(lines: list[str], chosen: str) -> None:
    assert choose(lines, OFFERED) == chosen


def test_without_a_wish_the_first_of_the_site() -> None:
    assert choose([], ("de", "en")) == "de"
