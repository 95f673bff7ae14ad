"""The data path: from a request's head to a backend and back.

path       which paths are understood, so that policy and backend read the same one
fields     lines of a head, read strictly and remembered
head       parses by the canonical grammar, and rewrites: strip first, then set ours
parsers    the pure parsers of heads, or the compiled ones of bookgate[fast]
decide     who may go where: Forward or NeedSession, anything else is a refusal
answer     what of a backend's answer reaches the reader
pace       how fast a client must be
trace      which trace a request belongs to
delivery   what a client takes of an answer
chunked    chunked framing, read strictly
frames     where the frames of a WebSocket end, and what the gateway says between two
balance    which URL of a backend is asked next
body       a request's body, counted and timed as it is relayed
streams    what is open, to be cut when its session ends
answer_head  the head of a backend's answer, read strictly
answer_body  where the body of an answer ends
outbox     what is written in one turn of the loop goes out together
connection a connection to a backend
owner      who gives a call its place and its connection
call       one request to a backend and its answer, as callbacks
hosts      the IP addresses of a backend's name
pool       the connections to one URL
bulkhead   how many requests a backend may have at once
receiver   whom an answer is for
health_checks  each URL asked whether it is well
reply      an answer for who awaits it
sockets    WebSockets to a backend
request_bytes  the head of a request to a backend
upstream   a backend: all of these together
upstream_websocket  a WebSocket to one, on the plain path
wiring     what the data path is given, and the steps that both kinds of requests share
passage    a request on the plain path: decided, recognised, counted, and what its backend is told
whole      an answer that is here as a whole, written in one piece
streamed   one that is not, written by aiohttp
plain      the reference path: aiohttp's server
plan       what was decided of a request, remembered for its like
client     the connection that a request came on, and what it is busy with
fast       the fast path: decided and forwarded on the spot, or handed over
asking     a request whose session is asked for first
exchange   one request on it: callbacks, no task
planned    one whose like was decided before
noting     one that has ended, as its line in the log tells it
websocket  the same for WebSockets
fast_websocket  WebSockets on the fast path: bytes, followed frame by frame
"""
