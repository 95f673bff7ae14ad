"""A provider's tokens, kept beside the sign-in session and renewed before they end: once, whoever asks.

rules.py     when a token is used, renewed or waited for
kept.py      what is kept of a sign-in, sealed
renewals.py  one question to the provider, under a lock
tokens.py    `ProviderTokens`: what sign-ins, sign-outs and requests ask for
"""

from gateway.provider_tokens.kept import Keeping, KeptValues
from gateway.provider_tokens.renewals import Renewals
from gateway.provider_tokens.tokens import ProviderTokens

__all__ = ["Keeping", "KeptValues", "ProviderTokens", "Renewals"]
