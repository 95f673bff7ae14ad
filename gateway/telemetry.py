"""JSON lines: one an act that changes who may do what, and those for what happens beside requests."""

import contextlib
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, TextIO

import orjson
import structlog
from aiohttp import web


class Log(structlog.typing.FilteringBoundLogger, Protocol):
    """A logger that also takes lines that are made already."""

    def lines(self, text: str) -> None:
        """text: whole lines but for the last one's end."""


class _Logger(structlog.make_filtering_bound_logger(20)):  # type: ignore[misc]  # a class made at run time
    """Writes what somebody else has encoded as it is."""

    def lines(self, text: str) -> None:
        self._logger.msg(text)


def make_log(stream: TextIO = sys.stdout) -> Log:
    """A logger that writes a JSON line to `stream` for each event."""
    log: Log = structlog.wrap_logger(
        structlog.WriteLogger(stream),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(serializer=_json),
        ],
        wrapper_class=_Logger,
        context_class=dict,
    )
    bound: Log = log.bind()  # type: ignore[assignment]  # once for all: by itself each line would bind anew
    return bound


class Audited(StrEnum):
    """The names of the audit lines: they stay as they are (docs/ops/audit.md)."""

    SIGN_IN = "sign_in"
    SIGN_IN_BOOK = "sign_in.book"
    SIGN_OUT_BOOK = "sign_out.book"
    SIGN_OUT_BROWSER = "sign_out.browser"
    SIGN_OUT_EVERYWHERE = "sign_out.everywhere"
    SIGN_OUT_PROVIDER = "sign_out.provider"
    SESSIONS_ENDED = "sessions.ended"
    CONSENT_GIVEN = "consent.given"
    CONSENT_WITHDRAWN = "consent.withdrawn"
    GUEST_BEGUN = "guest.begun"
    GUEST_MERGED = "guest.merged"
    WAY_ADDED = "way.added"
    WAY_REMOVED = "way.removed"
    MERGED = "person.merged"
    UNMERGED = "person.unmerged"
    DELETED = "person.deleted"
    EXPORTED = "person.exported"
    RENAMED = "person.renamed"
    STUDY_ANSWERED = "study.answered"
    STUDY_LISTED = "study.listed"
    CLASS_MADE = "class.made"
    CLASS_JOINED = "class.joined"
    CLASS_LEFT = "class.left"
    CLASS_REMOVED = "class.removed"
    CLASS_ROLE = "class.role"
    CLASS_LINK = "class.link"
    CLASS_OPENED = "class.opened"
    CLASS_CLOSED = "class.closed"
    CLASS_ARCHIVED = "class.archived"
    CLASS_REVIVED = "class.revived"
    CARDS_MADE = "cards.made"
    CARD_REPLACED = "card.replaced"
    CARD_DISCARDED = "card.discarded"
    PASSKEY_MADE = "passkey.made"
    PASSKEY_REMOVED = "passkey.removed"
    TOKEN_MADE = "token.made"  # ruff: ignore[hardcoded-password-string]  # an event's name
    TOKEN_REVOKED = "token.revoked"  # ruff: ignore[hardcoded-password-string]
    KEYS_ROOT = "keys.root"
    KEYS_ASSERTION = "keys.assertion"
    LTI_INVITED = "lti.invited"
    LTI_REGISTERED = "lti.registered"
    LTI_REMOVED = "lti.removed"
    DIRECTORY_BACKUP = "directory.backup"
    DIRECTORY_RESTORE = "directory.restore"
    ORIGINS = "origins"


@dataclass(frozen=True, slots=True)
class Audit:
    """Writes the line of an act. id: of the request it was done by; address: of who did it, cut."""

    log: Log
    id: str | None = None
    address: str | None = None

    def note(self, act: Audited, **facts: object) -> None:
        """facts: ids of people, sessions' keys, origins, providers. No secret, no name, no pseudonym."""
        self.log.info("audit", act=act.value, **facts, id=self.id, **{"from": self.address})


AUDIT = web.RequestKey("audit", Audit)  # that of a request


def _json(event: dict[str, object], default: Callable[[object], object]) -> str:
    """ASCII alone: a log line must not depend on what the stream can encode."""
    with contextlib.suppress(TypeError):
        line = orjson.dumps(event, default)
        if line.isascii():
            return line.decode()
    return json.dumps(event, default=default)  # escapes other text, even odd bytes of a header
