"""Names under which strangers publish: public suffixes and, beside that list, our own short one."""

from publicsuffixlist import PublicSuffixList

from gateway.config.origin_pattern import OriginPattern

SHARED_HOSTS = frozenset(
    {
        "docs.google.com",
        "drive.google.com",
        "github.com",
        "gitlab.com",
        "htmlpreview.github.io",
        "raw.githack.com",
        "rawcdn.githack.com",
        "scholar.google.com",
        "script.google.com",
        "sites.google.com",
        "storage.googleapis.com",
        "web.archive.org",
        "web.mit.edu",
    }
)
"""One host, many authors, told apart by the path alone, which no origin shows."""

SHARED_SUFFIXES = frozenset(
    {
        "amazonaws.com",
        "angelfire.com",
        "bitballoon.com",
        "geocities.ws",
        "google.com",
        "googleusercontent.com",
        "neocities.org",
        "surge.sh",
        "tripod.com",
        "weebly.com",
        "wordpress.com",
    }
)
"""Domains whose subdomains belong to strangers and that the public suffix list lacks, or may lack."""


class PublicSuffixes:
    """Tells whose subdomains a pattern would let in."""

    def __init__(self) -> None:
        self._all = PublicSuffixList()
        self._registries = PublicSuffixList(only_icann=True)

    def is_registry(self, pattern: OriginPattern) -> bool:
        """Whether anybody may register below the name: `com`, `co.uk`. Never a book's."""
        return self._is_name(pattern) and self._registries.is_public(pattern.host)

    def is_public(self, pattern: OriginPattern) -> bool:
        """Whether strangers publish below the name, on a host each: `github.io`."""
        return self._is_name(pattern) and self._all.is_public(pattern.host)

    @staticmethod
    def _is_name(pattern: OriginPattern) -> bool:
        return not (pattern.is_loopback or pattern.is_ip_literal)

    @staticmethod
    def is_shared(pattern: OriginPattern) -> bool:
        """Whether strangers publish on the host itself, or on hosts that the wildcard covers."""
        if pattern.host in SHARED_SUFFIXES:
            return True
        if not pattern.wildcard:
            return pattern.host in SHARED_HOSTS
        return any(f".{name}".endswith(f".{pattern.host}") for name in SHARED_HOSTS | SHARED_SUFFIXES)
