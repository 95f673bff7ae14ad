"""What becomes of people: one becomes another, is taken apart again, is handed all they have, is deleted.

planning.py    which backend is told what, from where people have been: values in, values out
telling.py     `Telling`: the gateway's own requests to backends
lifecycle.py   `Lifecycle`: decides in the directory first, then tells until every backend knows
archive.py     a zip that is made while it is sent
"""

from gateway.lifecycle.lifecycle import Lifecycle, Merged
from gateway.lifecycle.telling import Telling

__all__ = ["Lifecycle", "Merged", "Telling"]
