"""What the middlewares know about a request, under typed keys, for whoever serves it."""

from aiohttp import web

from gateway.cors import Verdict
from gateway.origins import PolicyTable

REQUEST_ID = web.RequestKey("request_id", str)
VERDICT = web.RequestKey("verdict", Verdict)
POLICIES = web.RequestKey("policies", PolicyTable)
