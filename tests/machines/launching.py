"""Starts processes that train together over the loopback interface, and ends them in any case."""

import os
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

TESTS = Path(__file__).parents[1]
SECONDS = 240  # a busy machine takes a minute to import torch four times


@dataclass
class Ended:
    """How a process ended: its exit code, and what it wrote."""

    code: int
    out: str
    err: str


def two_machines(folder, *command):
    """What the agents of torchrun on two machines give, which meet on this one's loopback.

    Each starts one process: ``command`` is what follows torchrun's own options.
    """
    place = ["--master-addr", "127.0.0.1", "--master-port", str(free_port())]
    agent = [sys.executable, "-m", "torch.distributed.run", "--nnodes", "2"]
    agent += ["--nproc-per-node", "1", *place]
    return together([[*agent, "--node-rank", str(n), *command] for n in (0, 1)], folder)


def together(commands, folder, environments=({}, {})):
    """Runs the commands at the same time in ``folder`` until all have ended."""
    shared = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(TESTS.parent / "src"), str(TESTS)]),
        "GLOO_SOCKET_IFNAME": "lo",
        "OMP_NUM_THREADS": "1",
    }
    running = [
        subprocess.Popen(
            command, cwd=folder, env=shared | own, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        for command, own in zip(commands, environments, strict=True)
    ]  # fmt: skip
    deadline = time.monotonic() + SECONDS
    try:
        said = [p.communicate(timeout=max(1.0, deadline - time.monotonic())) for p in running]
    finally:
        for process in running:
            process.kill()
    return [Ended(p.returncode, *texts) for p, texts in zip(running, said, strict=True)]


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def messages(ended):
    """The lines of this program on the error stream: no epochs, and nothing of torchrun's."""
    lines = ended.err.splitlines()
    return [line for line in lines if line.startswith("equimodal: ") or line.startswith("waiting")]
