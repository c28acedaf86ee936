from __future__ import annotations

import subprocess
import sys


def test_only_the_server_needs_grpc() -> None:
    program = "import sys, alcove.xds.conversation; sys.exit('grpc' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0
