"""Bookgate's gateway, in reading order.

compiled           modules that bookgate[fast] has compiled, in place of their sources
errors             every refusal, with status and stable code
origins            an origin and its policy
routes             backends and the paths that lead to them
limits             how often one may try
client_keys        the keys by which we prove to a provider which client we are
lti_platforms      learning platforms that launch books, as data
provider_presets   identity providers as data: what ops need not write, where each differs
roles              what somebody is, by what their provider said of them
identity           who a request is made as, and how backends are told
records            what Redis holds, as values
revocation_rules   what ends sessions, as values
session_limits     how long sessions live
studies_rules      research with consent: whom it asks, how much is open of somebody in a book
known              a session that was found alive, and what was made of it since
sealing            how ids are hashed and values sealed
session_ids        the form of ids, keys and tokens
passkeys           what devices are asked for passkeys, and whether to believe what they say
personal_tokens    the form of personal tokens, which scripts have, and what one is good for
refusals           a refusal as an answer in JSON
devices            what a person is told about the device of a session
cors               what an origin may ask and read
cookies            our cookies, read and written
dpop               proofs of a key (RFC 9449)
signing_keys       which key signs assertions when, which are published, when the next is made
card_words         the words of a class card: made, and read as children type them
classes_rules      what a class may be: who makes one, its name, its book, its code
grant_rules        what a book may ask for when it signs a person in
authorize_rules    what an authorization request means and what follows from it
doctor_rules       what an author is told about a book's address
verdicts           what was found out of an origin, remembered
client_address     who the client is, as trusted proxies say
redis_address      where Redis is, as its URL says
surfaces           which paths are ours, and which are backends'
first_party        whether a cookie that only a host's own pages send counts
access             which credential counts, and whether a session serves an origin
request_context    what is known of a request, for whoever serves it and for its log line
reception          what is found out of every request before it may be refused: id, client, Origin
store/             the one way to Redis
telemetry          log lines
request_log        the one line a request
metrics            what is counted of requests and shown of the parts
metric_files       the numbers of all workers, from whichever is asked
session_life       what a session must be to be alive, and how its signs of life are kept
session_ends       how sessions end: a row, Redis, everybody told
book_sessions      how book sessions begin, are confirmed and found
sessions           the front door: sign-in sessions and their children, the book sessions
grants             what is exchanged once or for a short time
assertions         the signed identity and its keys
lti/               launches from learning platforms, and whether they may be believed
quick_sessions     sessions as the data path asks for them
token_bucket       how a budget is counted
budgets            what an origin and a person may use
leases             how workers share it through Redis
directory/         people, approvals, the key ring: SQL
providers/         identity providers: one contract, and OpenID Connect
config/            gateway.yaml and origins.yaml as proved values; reload
authentication     who a request is from
provider_tokens/   a provider's tokens, kept beside the session and renewed once
keyring            the keys in use, followed while they change
proxy/             how a request is forwarded
journal            what ends sessions, noted first
revocations        what ended stays ended, whatever Redis forgets
origin_history     since when origins are granted what they are
opening            store, directory and sessions, opened together
lifecycle/         what becomes of people (merge, export, delete), told to every backend until it knows
expectation        Expect: 100-continue, answered when the body is wanted
forms              form-encoded bodies, read strictly
code_exchange      a code becomes a session's beginning, once
protocol/          what books call
pages/             what people see
applications/      applications with pages, on hosts of their own
middleware         facts, errors, host, cross-origin: each binds a rule to HTTP; and all in one for backends
health             the private listener: alive, ready, metrics, keys
app/               the only room that wires
server/            the parent and its workers, listeners, the embedded Redis
commands/          the command `bookgate`
development/       `bookgate dev`: everything on one machine
"""

from gateway.compiled import use

use()  # ruff: ignore[non-empty-init-module]
