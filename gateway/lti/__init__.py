"""Launches from learning platforms (LTI 1.3 core, 1EdTech Security Framework 1.0).

launch.py     what an initiation asks and what a launch says: pure
registry.py   `Registry`: the platforms, their keys, whose launch may be believed
tool_key.py   `ToolKey`: what this site signs for platforms
"""

from gateway.lti.launch import Initiation, Launch, UnusableLaunchError, read_initiation
from gateway.lti.registry import Registry
from gateway.lti.tool_key import ToolKey

__all__ = ["Initiation", "Launch", "Registry", "ToolKey", "UnusableLaunchError", "read_initiation"]
