"""HTTP as all services and their clients speak it: signed calls, one route table, problem details.

Rule: `call` and `client` need httpx only, so a wallet can use them; Starlette and uvicorn come in with `server`
and `run`, which only services import.
"""
