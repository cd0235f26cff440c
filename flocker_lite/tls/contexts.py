"""The settings of TLS: 1.2 or later, certificates on both sides, verified on each connection."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from OpenSSL import SSL, crypto

from flocker_lite.tls.credentials import Credentials

CIPHERS = b"ECDHE+AESGCM:ECDHE+CHACHA20"
"""The ciphers that we allow in TLS 1.2; all those of TLS 1.3 are secure."""

Verify: TypeAlias = Callable[[SSL.Connection, Any, int, int, int], bool]
"""OpenSSL calls it for each certificate of a chain; see OpenSSL's set_verify."""


def make_context(credentials: Credentials, verify: Verify) -> SSL.Context:
    """A context for clients and servers with these credentials."""
    context = SSL.Context(SSL.TLS_METHOD)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    # OpenSSL does not verify a resumed session again, so it could outlive its certificate.
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.set_options(
        SSL.OP_NO_TICKET
        | SSL.OP_NO_COMPRESSION
        | SSL.OP_NO_RENEGOTIATION
        | SSL.OP_CIPHER_SERVER_PREFERENCE
    )
    context.set_cipher_list(CIPHERS)
    context.use_certificate(credentials.certificate)
    context.use_privatekey(credentials.key)
    store = context.get_cert_store()
    assert store is not None
    store.add_cert(crypto.X509.from_cryptography(credentials.authority))
    context.add_client_ca(credentials.authority)
    context.set_verify_depth(1)
    context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, verify)
    return context
