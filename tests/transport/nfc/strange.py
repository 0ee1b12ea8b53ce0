"""A stranger's commands, and the status of SPEC section 2 that answers each: name -> (command, status), in hex."""

from __future__ import annotations

AFTER_SELECT = {
    "nothing": ("", "6700"),
    "three bytes": ("00c300", "6700"),
    "extended": ("00c30000000001010000", "6700"),
    "data missing": ("00c3000005010203", "6700"),
    "another class, another instruction": ("80a4040007f051414c54410100", "6e00"),
    "a secure class": ("04c30000010100", "6e00"),
    "another instruction": ("00b0000000", "6d00"),
    "SELECT in a chain": ("10a4040007f051414c54410100", "6d00"),
    "P1": ("00c30100010100", "6a86"),
    "P2": ("00c0000101", "6a86"),
    "ENVELOPE without data": ("00c3000000", "6700"),
    "ENVELOPE of four bytes": ("00c30000", "6700"),
    "nothing waits": ("00c0000010", "6985"),
    "GET RESPONSE without Le": ("00c00000", "6700"),
    "GET RESPONSE with data": ("00c0000001aa10", "6700"),
    "GET RESPONSE in a chain": ("10c0000010", "6700"),
    "no command": ("00c30000010500", "6a80"),
    "an answer": ("00c30000018100", "6a80"),
    "half a ref": ("00c300000901aaaaaaaaaaaaaaaa00", "6a80"),
    "PUT from further on than is here": ("00c300000e02aaaaaaaaaaaaaaaa00050001bb00", "6a80"),
    "PUT that ends early": ("00c300000e02aaaaaaaaaaaaaaaa00050000bb00", "6a80"),
    "PUT that is not what its id says": ("00c300000e02aaaaaaaaaaaaaaaa00010000bb00", "6a80"),
    "PUT of nothing": ("00c300000d02aaaaaaaaaaaaaaaa0000000000", "6a80"),
    "PUT whose first bytes are too many": ("00c300000f02aaaaaaaaaaaaaaaa00010000bbbb00", "6a80"),
    "another application": ("00a4040007d276000085010100", "6a82"),
    "no application": ("00a40400", "6a82"),
    "SELECT by file": ("00a4000c023f00", "6a82"),
}

BEFORE_SELECT = {
    "too short, whatever else": ("00c300", "6700"),
    "another class before another instruction": ("80b0010100", "6e00"),
    "another instruction before P1 and P2": ("00b0010100", "6d00"),
    "not selected before P1 and P2": ("00c30101010500", "6985"),
    "GET RESPONSE before SELECT": ("00c0010110", "6985"),
    "GET RESPONSE without Le before SELECT": ("00c00000", "6985"),
}
"""The order of checks: length, class, instruction, selected; only then P1 and P2, and the rest."""
