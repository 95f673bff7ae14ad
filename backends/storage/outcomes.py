"""What a write can come to, as values that are kept for replays; and the refusals that storage adds."""

from typing import ClassVar

import msgspec

from backends.problem import Problem


class Stored(msgspec.Struct, frozen=True, tag=True):
    """The body is the item's content now."""

    created: bool
    etag: str
    united: bool = False  # with what was there before

    @property
    def stands(self) -> bool:
        """Whether the item is what was sent."""
        return not self.united


class Deleted(msgspec.Struct, frozen=True, tag=True):
    """The item is a tombstone now."""

    stands: ClassVar[bool] = True


class Lost(msgspec.Struct, frozen=True, tag=True):
    """A precondition was false. `branch` is the revision under which the losing body is kept."""

    etag: str | None  # what is there
    branch: int | None

    stands: ClassVar[bool] = False


Outcome = Stored | Deleted | Lost


class Gone(Problem):
    status = 410
    code = "deleted"
    title = "The item was deleted. Its versions are kept for 90 days."


class KindDiffers(Problem):
    status = 409
    code = "kind_differs"
    title = "The item is of another kind, which cannot change while it exists."


class PreconditionFailed(Problem):
    status = 412
    code = "precondition_failed"
    title = (
        "The item is not as the request expects. What was sent is kept as a branch version, if one is named."
    )


class KeyReused(Problem):
    """draft-ietf-httpapi-idempotency-key-header section 2.7."""

    status = 422
    code = "idempotency_key_reused"
    title = "The Idempotency-Key was used before, for a different request."


class PreconditionRequired(Problem):
    status = 428
    code = "precondition_required"
    title = "Say what is replaced: If-Match, If-None-Match: *, or the query parameter mode."


class QuotaExceeded(Problem):
    status = 507
    code = "quota_exceeded"
    title = "This person's work in this book has no room left. Nothing was replaced."
