"""A real web server for tests: nginx, if it is installed."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


def free_port() -> int:
    """A port without a listener."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def nginx(served: Path) -> Iterator[str]:
    """The address of an nginx that serves a folder; skips the test where there is none."""
    program = shutil.which("nginx")
    if program is None:
        pytest.skip("nginx is not installed")
    port = free_port()
    with tempfile.TemporaryDirectory() as place:
        temporary = "".join(
            f"{kind}_temp_path {place}/{kind};"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        (Path(place) / "nginx.conf").write_text(
            f"daemon off; pid {place}/nginx.pid; error_log {place}/error.log; events {{}} user "
            "root; "
            "http "
            f"{{ access_log off; {temporary} "
            f"server {{ listen 127.0.0.1:{port}; root {served}; }} }}"
        )
        with subprocess.Popen(
            [program, "-c", f"{place}/nginx.conf"], stderr=subprocess.DEVNULL
        ) as server:
            try:
                _await(port)
                yield f"http://127.0.0.1:{port}"
            finally:
                server.terminate()


def _await(port: int) -> None:
    for _ in range(400):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    pytest.fail("the server did not start")
