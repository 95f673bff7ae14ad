"""The only room that wires.

building   the middlewares in order, and everything opened and closed
core       the parts that more than one room needs
addresses  what the gateway itself serves
data_path  what it forwards
shown      what its parts say of themselves
"""

from gateway.app.building import Gateway, build

__all__ = ["Gateway", "build"]
