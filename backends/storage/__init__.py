"""Storage: people's work in books, never lost.

items        what is kept: kinds, the grammar of ids, entity tags
conditions   preconditions (RFC 9110 section 13)
thinning     which old versions go
outcomes     what a write can come to
schema       tables
statements   every statement, each bound to a person
room         how much a shelf takes
reading      reads
media        which content types items may have
shown        items and bodies as JSON
changes      what changed on a shelf, page by page
writing      writes
retention    what ends with time
service      what can be done, whoever asks
caller       whose shelf a request is about, and its Idempotency-Key
api          the same over HTTP
archive      all of somebody's work as a zip
erasing      all of it goes
me_api       both over HTTP
sync         what a device says that worked offline
sync_api     that over HTTP
runestone    what the calls of Runestone and PreTeXt books mean as items
runestone_api  those calls over HTTP: /ns
command      bookgate-storage
"""
