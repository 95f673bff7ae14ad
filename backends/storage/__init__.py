"""Storage: people's work in books, never lost.

items        what is kept: kinds, the grammar of ids, entity tags
conditions   preconditions (RFC 9110 section 13)
thinning     which old versions go
outcomes     what a write can come to
schema       tables
statements   every statement, each bound to a person
room         how much a shelf takes
reading      reads
writing      writes
service      what can be done, whoever asks
api          the same over HTTP
command      bookgate-storage
"""
