import pytest

from gateway.devices import name_of

WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/148.0.0.0"


@pytest.mark.parametrize(
    ("user_agent", "name"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:156.0) Gecko/20100101 Firefox/156.0", "Firefox on Linux"),
        (f"{WINDOWS} Safari/537.36", "Chrome on Windows"),
        (f"{WINDOWS} Safari/537.36 Edg/148.0.0.0", "Edge on Windows"),
        (f"{WINDOWS} Safari/537.36 OPR/130.0.0.0", "Opera on Windows"),
        (
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
                "Version/26.1 Safari/605.1.15"
            ),
            "Safari on macOS",
        ),
        (
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 26_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML) "
                "Version/26.1 Mobile/15E148 Safari/604.1"
            ),
            "Safari on iPhone",
        ),
        (
            (
                "Mozilla/5.0 (iPad; CPU OS 26_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
                "CriOS/148.0 Mobile/15E148 Safari/604.1"
            ),
            "Chrome on iPad",
        ),
        (
            (
                "Mozilla/5.0 (Linux; Android 16; SM-S921B) AppleWebKit/537.36 (KHTML, like Gecko) "
                "SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36"
            ),
            "Samsung Internet on Android",
        ),
        (
            (
                "Mozilla/5.0 (X11; CrOS x86_64 16181.61.0) AppleWebKit/537.36 (KHTML, like Gecko) "
                "Chrome/148.0.0.0 Safari/537.36"
            ),
            "Chrome on ChromeOS",
        ),
        ("curl/8.14.1", None),
        ("Firefox/156.0", "Firefox"),
        ("Linux", "Linux"),
        ("", None),
        (None, None),
        ("<script>alert(1)</script> Firefox/1 on \x00Linux\r\n", "Firefox on Linux"),
        ("x" * 512 + " Firefox/156.0", None),
    ],
)
def test_browser_and_system_in_our_words(user_agent: str | None, name: str | None) -> None:
    assert name_of(user_agent) == name
