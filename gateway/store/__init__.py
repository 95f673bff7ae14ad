"""The one way to Redis.

connection.py  the client: deadline, retry, errors made ours
scripts.py     the steps that must be atomic, as Lua
operations.py  `Store`: what the rest of the house asks for
"""

from gateway.store.connection import CONNECTIONS
from gateway.store.operations import MOVED, VALUE, Fields, Spent, Store, Taken

__all__ = ["CONNECTIONS", "MOVED", "VALUE", "Fields", "Spent", "Store", "Taken"]
