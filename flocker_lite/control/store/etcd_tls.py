"""TLS to etcd: its authority alone is trusted, and our certificate is shown to it.

Any member's certificate is good for any of them: who has one could lie about everything anyway. A
client's is not good for a member.
"""

from __future__ import annotations

from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from OpenSSL import SSL, crypto
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.protocols.tls import TLSMemoryBIOProtocol
from twisted.web.iweb import IPolicyForHTTPS
from zope.interface import implementer

from flocker_lite.errors import ConfigurationFileError

AUTHORITY, CERTIFICATE, KEY = "ca.crt", "client.crt", "client.key"


@implementer(IPolicyForHTTPS, IOpenSSLClientConnectionCreator)
class EtcdTLS:
    """With the files of this directory; ConfigurationFileError says what is wrong with them."""

    def __init__(self, directory: Path) -> None:
        try:
            authority, certificate, key = (
                (directory / name).read_bytes() for name in (AUTHORITY, CERTIFICATE, KEY)
            )
        except OSError as error:
            raise ConfigurationFileError(
                f"{error.filename} cannot be read ({error.strerror}): the directory of etcd's "
                f"certificates has to have {AUTHORITY}, {CERTIFICATE} and {KEY}"
            ) from None
        try:
            self._context = _context(authority, certificate, key)
        except (ValueError, TypeError, SSL.Error) as error:
            raise ConfigurationFileError(
                f"the files in {directory} are no certificates of etcd: {error}"
            ) from None

    def creatorForNetloc(self, hostname: bytes, port: int) -> IOpenSSLClientConnectionCreator:
        """See IPolicyForHTTPS."""
        return self

    def clientConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        """See IOpenSSLClientConnectionCreator."""
        return SSL.Connection(self._context, None)


def _context(authority: bytes, certificate: bytes, key: bytes) -> SSL.Context:
    context = SSL.Context(SSL.TLS_METHOD)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    context.use_certificate(x509.load_pem_x509_certificate(certificate))
    private = serialization.load_pem_private_key(key, None)
    if not isinstance(private, ec.EllipticCurvePrivateKey):
        raise ValueError(f"{KEY} is not a key that flocker-ca made")
    context.use_privatekey(private)
    context.check_privatekey()
    store = context.get_cert_store()
    assert store is not None
    trusted = x509.load_pem_x509_certificate(authority)
    store.add_cert(crypto.X509.from_cryptography(trusted))
    context.set_verify(SSL.VERIFY_PEER)
    return context
