import pytest

from gateway.redis_address import Kind, Login, RedisAddress, Tls, parse

ADA = Login("ada", "p@ss/word")

READ = [
    pytest.param(
        "redis://127.0.0.1", RedisAddress(Kind.SINGLE, hosts=(("127.0.0.1", 6379),)), id="only a host"
    ),
    pytest.param(
        "redis://ada:p%40ss%2Fword@redis.example:6380/3",
        RedisAddress(Kind.SINGLE, hosts=(("redis.example", 6380),), db=3, login=ADA),
        id="all of a server",
    ),
    pytest.param(
        "redis://:word@[2001:db8::1]:6380/",
        RedisAddress(Kind.SINGLE, hosts=(("2001:db8::1", 6380),), login=Login(None, "word")),
        id="a password alone, IPv6",
    ),
    pytest.param("redis://:@h", RedisAddress(Kind.SINGLE, hosts=(("h", 6379),)), id="nobody before the @"),
    pytest.param("rediss://h", RedisAddress(Kind.SINGLE, hosts=(("h", 6379),), tls=Tls()), id="TLS"),
    pytest.param(
        "rediss://h?ca=/a%20b/ca.pem&certificate=/c.pem&key=/k.pem",
        RedisAddress(Kind.SINGLE, hosts=(("h", 6379),), tls=Tls("/a b/ca.pem", "/c.pem", "/k.pem")),
        id="TLS with certificates",
    ),
    pytest.param("unix:///run/redis.sock", RedisAddress(Kind.UNIX, path="/run/redis.sock"), id="socket"),
    pytest.param(
        "unix://ada:p%40ss%2Fword@/run/my%20redis?db=2",
        RedisAddress(Kind.UNIX, path="/run/my redis", db=2, login=ADA),
        id="all of a socket",
    ),
    pytest.param(
        "redis+sentinel://s1,s2:26380,s3/main",
        RedisAddress(Kind.SENTINEL, hosts=(("s1", 26379), ("s2", 26380), ("s3", 26379)), service="main"),
        id="sentinels",
    ),
    pytest.param(
        "rediss+sentinel://ada:p%40ss%2Fword@s1/main/1?sentinel_username=eve&sentinel_password=x&ca=/ca",
        RedisAddress(
            Kind.SENTINEL,
            hosts=(("s1", 26379),),
            service="main",
            db=1,
            login=ADA,
            sentinel_login=Login("eve", "x"),
            tls=Tls("/ca"),
        ),
        id="all of sentinels",
    ),
    pytest.param(
        "redis+cluster://ada:p%40ss%2Fword@a,b:7000",
        RedisAddress(Kind.CLUSTER, hosts=(("a", 6379), ("b", 7000)), login=ADA),
        id="cluster",
    ),
    pytest.param(
        "rediss+cluster://a/0", RedisAddress(Kind.CLUSTER, hosts=(("a", 6379),), tls=Tls()), id="cluster, TLS"
    ),
]

REFUSED = [
    pytest.param("localhost:6379", "scheme", id="no scheme"),
    pytest.param("http://h", "scheme", id="another scheme"),
    pytest.param("REDIS://h", "scheme", id="another case"),
    pytest.param("redis://h h", "percent form", id="a blank"),
    pytest.param("redis://h\n", "percent form", id="a line's end"),
    pytest.param("redis://:sec#ret@h", "percent form", id="a fragment"),
    pytest.param("redis://", "HOST:PORT", id="no host"),
    pytest.param("redis://h:0", "HOST:PORT", id="port 0"),
    pytest.param("redis://h:65536", "HOST:PORT", id="no port"),
    pytest.param("redis://h:port", "HOST:PORT", id="a word for a port"),
    pytest.param("redis://2001:db8::1", "HOST:PORT", id="IPv6 without brackets"),
    pytest.param("redis://a,b", "several", id="two of one"),
    pytest.param("redis+cluster://a,,b", "HOST:PORT", id="an empty one"),
    pytest.param("redis+cluster://a,a:6379", "twice", id="one twice"),
    pytest.param("redis://sec@h", "USER:PASSWORD", id="no colon"),
    pytest.param("redis://ada:@h", "user without a password", id="no password"),
    pytest.param("redis://h/zero", "number", id="a word for a database"),
    pytest.param("redis://h/0/1", "number", id="a long path"),
    pytest.param("redis+cluster://h/1", "no database", id="a database of a cluster"),
    pytest.param("redis+sentinel://h", "name of the service", id="no service"),
    pytest.param("redis+sentinel://h/a b", "percent form", id="a blank in the service"),
    pytest.param("redis+sentinel://h/a*", "name of the service", id="no name"),
    pytest.param("redis+sentinel://h/main/x", "number", id="a word for the sentinels' database"),
    pytest.param("redis+sentinel://h/m?sentinel_username=a", "user without", id="a sentinel's user alone"),
    pytest.param("redis://h?socket_timeout=5", "takes nothing", id="an option"),
    pytest.param("redis://h?ca=/ca", "takes nothing", id="a CA without TLS"),
    pytest.param("rediss://h?ca=", "no value", id="an empty option"),
    pytest.param("rediss://h?ca=/a&ca=/b", "twice", id="an option twice"),
    pytest.param("rediss://h?key=/k", "together", id="a key alone"),
    pytest.param("rediss://h?certificate=/c", "together", id="a certificate alone"),
    pytest.param("rediss://h?ca=ca.pem", "absolute", id="a relative path"),
    pytest.param("unix://run/redis.sock", "unix:///PATH", id="a relative socket"),
    pytest.param("unix://", "unix:///PATH", id="no socket"),
    pytest.param("unix:///s?db=x", "number", id="a word for a socket's database"),
]


@pytest.mark.parametrize(("url", "address"), READ)
def test_what_a_url_says(url: str, address: RedisAddress) -> None:
    assert parse(url) == address


@pytest.mark.parametrize(("url", "reason"), REFUSED)
def test_what_is_refused(url: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse(url)


@pytest.mark.parametrize(
    "url",
    [
        "redis://ada:secret@h:port",
        "redis://ada:secret@a,b",
        "redis://secret@h",
        "redis://h?password=secret",
        "redis+sentinel://h/m?sentinel_password=",
        "secret://h",
        "redis://:secret#x@h",
        "redis://h/secret",
    ],
)
def test_no_part_of_a_url_is_repeated(url: str) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        parse(url)
    assert "secret" not in str(refused.value)


def test_a_password_is_not_shown() -> None:
    address = parse("redis+sentinel://ada:first@h/m?sentinel_password=second")
    assert "first" not in repr(address)
    assert "second" not in repr(address)
    assert address.holds_a_secret


@pytest.mark.parametrize(
    ("url", "secret"),
    [("redis://:x@h", True), ("redis+sentinel://h/m?sentinel_password=x", True), ("redis://h", False)],
)
def test_who_holds_a_secret(url: str, secret: bool) -> None:  # ruff: ignore[boolean-type-hint-positional-argument]
    assert parse(url).holds_a_secret is secret


def test_files() -> None:
    assert parse("rediss://h?ca=/ca&certificate=/c&key=/k").files == ("/ca", "/c", "/k")
    assert parse("rediss://h").files == ()
    assert parse("redis://h").files == ()
