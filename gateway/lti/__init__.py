"""Launches from learning platforms (LTI 1.3 core, 1EdTech Security Framework 1.0).

deep_linking.py   what a teacher picks for a course: pure
launch.py     what an initiation asks and what a launch says: pure
services.py   what a launch says of the platform's services, and how tokens for them are asked for: pure
members.py    who is in a course, as its platform says: pure
scores.py     what a book reports, and what a platform is told of it: pure
registration.py   a platform registers this site by itself: pure
registry.py   `Registry`: the platforms, their keys, whose launch may be believed
tool_key.py   `ToolKey`: what this site signs for platforms
platform_services.py `PlatformServices`: asks and tells platforms, with tokens
rosters.py    `Rosters`: who of a course has not come yet
gradebook.py  `Gradebook`: scores of books, told now or later
"""

from gateway.lti.deep_linking import Linking
from gateway.lti.gradebook import Gradebook
from gateway.lti.launch import Initiation, Launch, UnusableLaunchError, read_initiation
from gateway.lti.platform_services import PlatformServices
from gateway.lti.registry import Registry
from gateway.lti.rosters import Rosters
from gateway.lti.tool_key import ToolKey

__all__ = [
    "Gradebook",
    "Initiation",
    "Launch",
    "Linking",
    "PlatformServices",
    "Registry",
    "Rosters",
    "ToolKey",
    "UnusableLaunchError",
    "read_initiation",
]
