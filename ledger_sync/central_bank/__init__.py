"""The central bank: root of trust, only issuer, keeps the banks' positions and what is outstanding offline."""
