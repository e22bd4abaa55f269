"""TLS for both protocols: what the web server and gRPC are told, and what a client that waits for the service trusts.

A deployment may as well end TLS at its gateway. With a client authority, callers have to show a certificate of it.
"""

import ssl
from typing import Final

import grpc

from bentos.faults import ServiceFault
from bentos.settings import Settings

HSTS: Final = "max-age=31536000; includeSubDomains"


def check_tls(settings: Settings) -> None:
    """See that certificate and key fit, before anything listens.

    Raises:
        ServiceFault: tls_misconfigured.
    """
    if (settings.tls_certificate is None) != (settings.tls_key is None) or (
        settings.tls_client_ca is not None and settings.tls_certificate is None
    ):
        sentence = "TLS needs RXVISION_TLS_CERTIFICATE and RXVISION_TLS_KEY, both; a client authority needs them too."
        raise ServiceFault("tls_misconfigured", sentence)
    if settings.tls_certificate is None:
        return
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(settings.tls_certificate, settings.tls_key)
        if settings.tls_client_ca is not None:
            context.load_verify_locations(settings.tls_client_ca)
    except OSError as error:  # ssl.SSLError is one
        sentence = f"TLS cannot be served with these files: {error.strerror or error}."
        raise ServiceFault("tls_misconfigured", sentence) from error


def web_server_arguments(settings: Settings) -> list[str]:
    """What `bentoml serve` is told; nothing where TLS is not configured."""
    if settings.tls_certificate is None:
        return []
    own = ["--ssl-certfile", str(settings.tls_certificate), "--ssl-keyfile", str(settings.tls_key)]
    if settings.tls_client_ca is None:
        return own
    return [*own, "--ssl-ca-certs", str(settings.tls_client_ca), "--ssl-cert-reqs", str(int(ssl.CERT_REQUIRED))]


def grpc_credentials(settings: Settings) -> grpc.ServerCredentials | None:
    """Of the gRPC port; None where TLS is not configured."""
    if settings.tls_certificate is None or settings.tls_key is None:
        return None
    pair = (settings.tls_key.read_bytes(), settings.tls_certificate.read_bytes())
    authority = settings.tls_client_ca.read_bytes() if settings.tls_client_ca else None
    return grpc.ssl_server_credentials([pair], root_certificates=authority, require_client_auth=authority is not None)


def own_probe(settings: Settings) -> ssl.SSLContext | None:
    """How whoever started the service asks it whether it is ready: over TLS, showing the service's own certificate.

    Nothing is sent but the question, and the name in the certificate may be another than the loopback's.
    """
    if settings.tls_certificate is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.load_cert_chain(settings.tls_certificate, settings.tls_key)
    return context
