"""HTTP as services and their callers both speak it: signed calls, the typed route table, problem details.

Rule: `call` and `client` need httpx only, so a wallet can use them; Starlette and uvicorn come in with `server`
and `run`, which only services import.
"""
