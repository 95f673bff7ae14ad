"""What a test saw at both ends of a gateway, kept until the same test has run by the other data path."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.data_path.referee import Message
from tests.data_path.sameness import Seen, comparable
from tests.data_path.talk import Heard
from tests.system.raw_client import RawAnswer
from tests.system.recording_backend import Received


@dataclass
class Transcripts:
    kept: dict[str, Seen] = field(default_factory=dict)

    def keep(self, test: str, received: Sequence[Received], heard: Sequence[RawAnswer], port: int) -> None:
        """AssertionError: the other way it was different. What broke off is as long as it happened to be."""
        requests = tuple(_request(one) for one in received if not one.aborted)
        answers = tuple(_answer(one) for one in heard if one.complete)
        seen = comparable(Seen(Heard(answers, closed=False), requests, ()), port)
        assert self.kept.setdefault(test, seen) == seen


def _request(received: Received) -> Message:
    first, *fields = received.head.removesuffix(b"\r\n\r\n").split(b"\r\n")
    return Message(first, tuple(fields), bytes(received.body), complete=True)


def _answer(heard: RawAnswer) -> Message:
    # whether the connection goes on after an answer is each way's own
    fields = tuple(f"{name}: {value}".encode() for name, value in heard.pairs if name != "Connection")
    return Message(b"HTTP/1.1 %d" % heard.status, fields, heard.body, complete=True)
