"""The reference backends, each a process of its own that trusts only the gateway's signed assertion.

Read in this order:

problem      what every refusal looks like: problem+json, one family
assertion    who the request is for: the signed assertion, proved
jwks         the keys that prove it, fetched and remembered
query        query parameters, each known and given once
body         request bodies, never longer or slower than allowed
moment       times as requests spell them and tables keep them
database     one SQLite file: one writer thread, a few readers, migrations
log          one JSON line after another, never waited for
allowance    how fast one person may write
endings      what was deleted or taken apart, so that what was under way comes too late
serving      the listener, the middleware, health, drain
options      flags and environment that both commands take
storage      people's work: items, versions
analytics    events, as far as a person's level keeps them
"""
