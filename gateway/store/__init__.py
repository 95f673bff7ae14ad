"""The one way to Redis.

connection.py  the way in: deadline, retry, errors made ours, and the gate before it
link.py        what one worker tells the others at once
lean.py        one connection that many ask over, and that says what has changed
looks.py       `Looks`: looks at sessions over it
servers.py     clients of what `redis.url` says
client.py      what a client is; the one of a single master
cluster.py     the one of a cluster
sentinels.py   where the master is
pools.py       connections that know which data they lead to
scripts.py     the steps that must be atomic, as Lua
values.py      values, counts, and what is taken once
operations.py  `Store`: those, and sessions with their index; what the rest of the house asks for
buckets.py     `Buckets`: what all workers used of what they share
checkpoint.py  `Checkpoint`: how much of what ended a data set knows
"""

from gateway.store.checkpoint import Checkpoint
from gateway.store.connection import CONNECTIONS
from gateway.store.link import Link
from gateway.store.looks import Looks, Question
from gateway.store.operations import Found, Looked, Marks, Place, Store
from gateway.store.values import VALUE, Fields, Spent, Taken

__all__ = [
    "CONNECTIONS",
    "VALUE",
    "Checkpoint",
    "Fields",
    "Found",
    "Link",
    "Looked",
    "Looks",
    "Marks",
    "Place",
    "Question",
    "Spent",
    "Store",
    "Taken",
]
