"""What is checked before a service is started."""

import socket
from pathlib import Path

import pytest

from bentos.faults import ServiceFault
from bentos.serve import refuse_taken
from bentos.settings import Settings
from tests.bentos.processes import free_port


def test_a_grpc_port_that_somebody_listens_at_is_refused_even_if_it_may_be_shared(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, grpc_port=free_port())
    refuse_taken(settings)
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind((settings.host, settings.grpc_port))
        other.listen()
        with pytest.raises(ServiceFault, match="port_taken"):
            refuse_taken(settings)
