"""What money is: wire objects, strict codec, signatures, verification, closed error codes.

SPEC.md beside this file lets another team write a second implementation. Depends on the standard library,
cbor2 and cryptography only.
"""
