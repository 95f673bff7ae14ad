"""Launches from learning platforms (LTI 1.3 core, 1EdTech Security Framework 1.0).

launch.py     what an initiation asks and what a launch says: pure
registry.py   `Registry`: the platforms, their keys, whose launch may be believed
"""

from gateway.lti.launch import Initiation, Launch, UnusableLaunchError, read_initiation
from gateway.lti.registry import Registry

__all__ = ["Initiation", "Launch", "Registry", "UnusableLaunchError", "read_initiation"]
