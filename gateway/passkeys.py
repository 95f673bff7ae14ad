"""Passkeys as WebAuthn Level 3 has them: what devices are asked for, and whether to believe what they say."""

import json
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import (
    base64url_to_bytes,
    bytes_to_base64url,
    parse_authentication_credential_json,
    parse_client_data_json,
    parse_registration_credential_json,
)
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from gateway.errors import PasskeyRefusedError
from gateway.sealing import encoded, hashed

LONGEST: Final = 1023  # bytes of a credential's id (section 4.1.3)
CHALLENGE: Final = 32  # bytes (section 13.4.3: at least 16)


@dataclass(frozen=True, slots=True)
class Registered:
    """A new key. id: base64url. transports: how the device may be reached, as it says itself."""

    id: str
    public_key: bytes
    counter: int
    transports: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Signed:
    """Whose signature somebody brings; not proved yet. here: the key lies in the very device that asks."""

    id: str
    handle: str | None
    here: bool
    text: str


@dataclass(frozen=True, slots=True)
class RelyingParty:
    """Us, as devices know us (section 5.4.2). id: the host of our URL, origin: our URL.

    token: makes random bytes.
    """

    id: str
    name: str
    origin: str
    token: Callable[[int], bytes]

    @classmethod
    def of(cls, public_url: str, name: str, token: Callable[[int], bytes]) -> "RelyingParty":
        return cls(urlsplit(public_url).hostname or "", name, public_url, token)

    def challenge(self) -> str:
        return encoded(self.token(CHALLENGE))

    def creation(self, person: str, name: str, challenge: str, known: Iterable[str]) -> dict[str, object]:
        """What `navigator.credentials.create` is asked, in JSON (section 5.4).

        person: our id of them, of which the device gets a hash. known: credentials that they have already.
        """
        options = generate_registration_options(
            rp_id=self.id,
            rp_name=self.name,
            user_id=base64url_to_bytes(handle_of(person)),
            user_name=name,
            user_display_name=name,
            challenge=base64url_to_bytes(challenge),
            # found without a name, and good for nothing without the owner's finger, face or PIN:
            # it is all that is asked for at a sign-in
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.REQUIRED,
                require_resident_key=True,
                user_verification=UserVerificationRequirement.REQUIRED,
            ),
            exclude_credentials=[PublicKeyCredentialDescriptor(id=base64url_to_bytes(one)) for one in known],
        )
        return _read(options_to_json(options))

    def request(self, challenge: str) -> dict[str, object]:
        """What `navigator.credentials.get` is asked, in JSON (section 5.5): any key that is ours."""
        options = generate_authentication_options(
            rp_id=self.id,
            challenge=base64url_to_bytes(challenge),
            user_verification=UserVerificationRequirement.REQUIRED,
        )
        return _read(options_to_json(options))

    def registered(self, text: str, challenge: str) -> Registered:
        """What a device said (section 7.1). PasskeyRefusedError: it is not to be believed."""
        with _refusals():
            said = parse_registration_credential_json(text)
            _stay_here(said.response.client_data_json)
            found = verify_registration_response(
                credential=said,
                expected_challenge=base64url_to_bytes(challenge),
                expected_rp_id=self.id,
                expected_origin=self.origin,
                require_user_verification=True,
            )
        if len(found.credential_id) > LONGEST:
            raise PasskeyRefusedError("a credential's id of more than 1023 bytes")
        return Registered(
            bytes_to_base64url(found.credential_id),
            found.credential_public_key,
            found.sign_count,
            tuple(sorted({one.value for one in said.response.transports or ()})),
        )

    def signed(self, signed: Signed, challenge: str, public_key: bytes, counter: int) -> int:
        """The counter that the device is at now (section 7.2). PasskeyRefusedError: not to be believed."""
        with _refusals():
            said = parse_authentication_credential_json(signed.text)
            _stay_here(said.response.client_data_json)
            found = verify_authentication_response(
                credential=said,
                expected_challenge=base64url_to_bytes(challenge),
                expected_rp_id=self.id,
                expected_origin=self.origin,
                credential_public_key=public_key,
                credential_current_sign_count=counter,
                require_user_verification=True,
            )
        return found.new_sign_count


def handle_of(person: str) -> str:
    """What devices call a person: nothing that is used elsewhere (section 14.6.1)."""
    return hashed(f"passkey {person}")


def read_signed(text: str) -> Signed:
    """PasskeyRefusedError: no device says such a thing."""
    with _refusals():
        said = parse_authentication_credential_json(text)
        handle = said.response.user_handle
        return Signed(
            id=bytes_to_base64url(said.raw_id),
            handle=None if handle is None else bytes_to_base64url(handle),
            here=said.authenticator_attachment == "platform",
            text=text,
        )


def _stay_here(client_data: bytes) -> None:
    """Our pages are in no frame, so no device asks out of one (sections 7.1, step 10; 7.2, step 13)."""
    if parse_client_data_json(client_data).cross_origin:
        raise PasskeyRefusedError("asked out of a frame")


@contextmanager
def _refusals() -> Generator[None]:
    try:
        yield
    except (
        WebAuthnException,
        # what the library lets out of its parsers of JSON, CBOR and COSE
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        IndexError,
        RecursionError,
    ) as error:
        raise PasskeyRefusedError(repr(error)[:200]) from error


def _read(text: str) -> dict[str, object]:
    found: dict[str, object] = json.loads(text)
    return found
