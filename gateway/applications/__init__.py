"""Applications with pages, each on a host of its own: signed in by redirect, as other gateways do it.

rules.py    whether the cookie of such a host counts on a request: pure
sites.py    `Application`: a host, its origin, what it may do
door.py     the way to the sign-in page and back
serving.py  `Applications`: what is served under those hosts
"""

from gateway.applications.door import Door
from gateway.applications.serving import Applications, HostSessions
from gateway.applications.sites import Application, applications_of

__all__ = ["Application", "Applications", "Door", "HostSessions", "applications_of"]
