"""The online side: the client that reconciles, and the roles (central bank, banks, notary) as HTTP services."""
