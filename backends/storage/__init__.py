"""Storage: people's work in books, never lost.

items          what is kept: kinds, the grammar of ids, entity tags
media          which content types items may have
conditions     preconditions (RFC 9110 section 13)
progress       how two states of progress become one
thinning       which old versions go
outcomes       what a write can come to
schema         tables
statements     every statement, each bound to a person
room           how much a shelf takes, and its changes
reading        reads
changes        what changed on a shelf, page by page
writing        writes
sync           what a device says that worked offline
joining        one shelf's work becomes another's
merging        two people become one
unmerging      and are two again
moving         a book that is called something else
erasing        all of somebody's work goes
shown          items and bodies as JSON
export         all that somebody has, as lines of JSON
archive        the same as a zip
retention      what ends with time
service        what can be done, whoever asks
caller         whose shelf a request is about, and its Idempotency-Key
api            items, versions and attempts over HTTP
me_api         all of one's own: usage, copy, end
sync_api       sync
runestone      what the calls of Runestone and PreTeXt books mean as items
runestone_api  those calls: /ns
grid           what students did, activity by activity
internal_api   what the gateway alone asks
command        bookgate-storage
"""
