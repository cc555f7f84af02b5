"""The sockets that listen on this machine."""

import socket

import pytest

from infra.local.gateway.server import HOST, PortTaken, listen


def test_an_answer_in_two_pieces_does_not_wait_for_the_client_between_them() -> None:
    with listen(0) as found, socket.create_connection(found.getsockname()):
        connection, _ = found.accept()
        with connection:
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_it_listens_on_this_machine_only_and_a_taken_port_is_named() -> None:
    with listen(0) as found:
        host, port = found.getsockname()
        assert host == HOST == "127.0.0.1"
        with pytest.raises(PortTaken, match=f"Port {port} is taken"):
            listen(port)
