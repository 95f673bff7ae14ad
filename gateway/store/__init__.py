"""The one way to Redis.

connection.py  the client: deadline, retry, errors made ours
scripts.py     the steps that must be atomic, as Lua
values.py      values, counts, and what is taken once
operations.py  `Store`: those, and sessions with their index; what the rest of the house asks for
checkpoint.py  `Checkpoint`: how much of what ended a data set knows
"""

from gateway.store.checkpoint import Checkpoint
from gateway.store.connection import CONNECTIONS
from gateway.store.operations import Found, Marks, Place, Store
from gateway.store.values import VALUE, Fields, Spent, Taken

__all__ = [
    "CONNECTIONS",
    "VALUE",
    "Checkpoint",
    "Fields",
    "Found",
    "Marks",
    "Place",
    "Spent",
    "Store",
    "Taken",
]
