"""How long things may take when workers come and go, in seconds."""

from typing import Final

# Also the time that a slow head gets: aiohttp has one timer for both.
KEEP_ALIVE: Final = 15.0
GRACE: Final = 10.0  # for requests in flight when a worker leaves
NOTICE: Final = 2.0  # between "not ready" and the end of listening: a load balancer has to notice
SETTLE: Final = 1.0  # for what was accepted to arrive, before connections that carry nothing are closed
# In a rolling restart idle connections end as they always do. Their clients know that limit, and a client
# that sends at the very moment in which its connection is closed cannot know whether it was heard.
PATIENCE: Final = KEEP_ALIVE + SETTLE
UNWIND: Final = 8.0  # for all that is not the requests' own: an event stream's last byte, the directory
READY: Final = 60.0  # for a worker to serve
STEADY: Final = 10.0  # a worker that lived this long did not die of its start
FIRST_PAUSE: Final = 0.25  # before a start, when the last worker died of its own; doubled each time
LONGEST_PAUSE: Final = 30.0
