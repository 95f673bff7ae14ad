"""A teacher picks a page of a book for a course (LTI Deep Linking 2.0): the question and the answer."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from gateway.errors import ProviderRefusedError
from gateway.grant_rules import is_loopback
from gateway.lti_platforms import Platform

REQUEST: Final = "LtiDeepLinkingRequest"
_RESPONSE: Final = "LtiDeepLinkingResponse"
_ITEM: Final = "ltiResourceLink"
_CLAIM: Final = "https://purl.imsglobal.org/spec/lti/claim/"
_OWN: Final = "https://purl.imsglobal.org/spec/lti-dl/claim/"
_LONGEST: Final = 8192  # characters of what a platform has handed back to it
TITLE: Final = 120  # characters
_ADDRESS: Final = re.compile(
    r"(?P<scheme>https?)://(?P<host>[A-Za-z0-9.-]+)(?P<port>:[0-9]{1,5})?(?:[/?][!-~]*)?", re.ASCII
)


@dataclass(frozen=True, slots=True)
class Linking:
    """What a platform asks for. return_url: where the answer goes. data: handed back as it came.

    title: what the link is to be called, where the platform says so. in_a_tab: it may open links in a tab.
    """

    deployment: str
    return_url: str
    data: str | None
    title: str
    in_a_tab: bool


def read_linking(claims: Mapping[str, object], deployment: str) -> Linking:
    """Of claims that are proved to be the platform's (LTI Deep Linking section 4.4.1).

    Raises ProviderRefusedError: it takes no links, or nothing that may be sent there.
    """
    settings = claims.get(f"{_OWN}deep_linking_settings")
    said = settings if isinstance(settings, dict) else {}
    return_url, data, title = said.get("deep_link_return_url"), said.get("data"), said.get("title")
    if not isinstance(return_url, str) or site_of(return_url) is None:
        raise ProviderRefusedError(f"deep linking: return address {return_url!r:.100}")
    if _ITEM not in _words(said.get("accept_types")):
        raise ProviderRefusedError(f"deep linking: takes {said.get('accept_types')!r:.100}")
    if data is not None and (not isinstance(data, str) or len(data) > _LONGEST):
        raise ProviderRefusedError("deep linking: data that is no text, or too long")
    return Linking(
        deployment=deployment,
        return_url=return_url,
        data=data,
        title=" ".join(title.split())[:TITLE] if isinstance(title, str) else "",
        in_a_tab="window" in _words(said.get("accept_presentation_document_targets")),
    )


def answer(linking: Linking, platform: Platform, url: str, title: str, nonce: str) -> Mapping[str, object]:
    """The claims of the answer (LTI Deep Linking section 4.5), for us to sign. nonce: fresh and random."""
    item: dict[str, object] = {"type": _ITEM, "url": url, "title": title}
    if linking.in_a_tab:  # there a reader is signed in without a click; in a frame nobody is
        item["window"] = {"targetName": "_blank"}
    data = {} if linking.data is None else {f"{_OWN}data": linking.data}
    return {
        "iss": platform.client_id,
        "aud": platform.issuer,
        "nonce": nonce,
        f"{_CLAIM}deployment_id": linking.deployment,
        f"{_CLAIM}message_type": _RESPONSE,
        f"{_CLAIM}version": "1.3.0",
        f"{_OWN}content_items": [item],
        **data,
    }


def _words(value: object) -> frozenset[str]:
    return frozenset(one for one in value if isinstance(one, str)) if isinstance(value, list) else frozenset()


def site_of(address: str) -> str | None:
    """The site of an address that a form may be sent to, as CSP's form-action names it; None: it may not.

    By https, or on this machine; nothing in it may begin another directive.
    """
    found = _ADDRESS.fullmatch(address) if len(address) <= _LONGEST else None
    if found is None or not (found["scheme"] == "https" or is_loopback(found["host"])):
        return None
    return f"{found['scheme']}://{found['host']}{found['port'] or ''}"
