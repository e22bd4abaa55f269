"""Where the service may be reached from: on this machine only, or from others too."""

import ipaddress
from typing import Final

LOCALHOST: Final = "localhost"


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address; a name other than localhost counts as reachable."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host.lower() == LOCALHOST
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def is_remote_address(host: str) -> bool:
    """Whether a socket's own address is one that other machines reach; what is no address is none."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return not is_loopback(host)
