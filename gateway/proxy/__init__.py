"""The data path: from a request's head to a backend and back.

head       parses by the canonical grammar, and rewrites: strip first, then set ours
path       which paths are understood, so that policy and backend read the same one
decide     who may go where: Forward or NeedSession, anything else is a refusal
answer     what of a backend's answer reaches the reader
body       a request's body, counted and timed as it is relayed
upstream   the connections to backends, their time-outs and bulkheads
plain      the reference path: aiohttp on both sides
websocket  the same for WebSockets
streams    what is open, to be cut when its session ends
"""
