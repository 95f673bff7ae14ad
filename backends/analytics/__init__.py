"""Analytics: what happened in books, as far as a person's level lets it be kept.

events       the event schema: which are taken
levels       consent levels: what each keeps of an event
runestone    what Runestone's and PreTeXt's own events mean
batches      a request's body as a batch of events
schema       tables
statements   every statement, each bound to a pseudonym
merging      two people become one, and two again
service      what can be done
api          the same over HTTP
staff        who teaches or runs a book: no readers, who see figures about readers
aggregates   the statements behind figures, about five people at least
figures      figures as tables of numbers
stats        figures, asked of the database
stats_api    the same over HTTP
participants who takes part in a study today, as the gateway lists them
rekeying     names for one study
exporting    what a study may have of its participants
progsnap2    events as ProgSnap 2 has them
export_files the files of an export
parquet      Parquet of them, where DuckDB is installed
research     an export, from the list of participants to the manifest
export_command  bookgate-analytics export
command      bookgate-analytics
"""
