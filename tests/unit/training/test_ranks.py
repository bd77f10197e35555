"""One process, and processes that never meet; two that train are in tests/machines."""

import socket
from datetime import timedelta

import pytest
import torch
import torch.distributed as dist

from equimodal.errors import BalanceError, ToldElsewhere
from equimodal.training import ranks
from equimodal.training.launch import Launch

TWO = Launch("torchrun", processes=2, machines=2, rank=0, local_rank=0)


@pytest.fixture
def leaving(monkeypatch):
    """How the process was told to end; nothing is."""
    told = []
    monkeypatch.setattr(ranks.atexit, "register", lambda call, code: told.append(code))
    return told


@pytest.fixture
def alone_at_the_meeting(monkeypatch):
    """The environment of the first of two processes, on a free port of the loopback."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = str(found.getsockname()[1])
    place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "GLOO_SOCKET_IFNAME": "lo"}
    own = {"RANK": "0", "WORLD_SIZE": "2", "LOCAL_RANK": "0", "LOCAL_WORLD_SIZE": "1"}
    for name, value in (place | own).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(ranks, "PATIENCE", timedelta(seconds=1))
    return port


def test_one_process_is_the_first_of_one_whatever_launched_it(monkeypatch):
    monkeypatch.setenv("SLURM_NTASKS", "4")
    monkeypatch.setenv("SLURM_NTASKS_PER_NODE", "4")
    monkeypatch.setenv("SLURM_JOB_NAME", "train")
    fabric = ranks.one_process("cpu")
    assert (fabric.world_size, fabric.is_global_zero) == (1, True)
    assert ranks.from_first(fabric, lambda: "read") == "read"
    assert ranks.mean_over_ranks(fabric, torch.tensor(0.25)) == 0.25
    assert (ranks.on_any(fabric, True), ranks.on_any(fabric, False)) == (True, False)


def test_a_process_that_waits_in_vain_says_where_and_for_whom(leaving, alone_at_the_meeting):
    with pytest.raises(BalanceError) as error, ranks.together("cpu", TWO):
        pass
    said = str(error.value)
    assert said.startswith("rank 0 of 2: The 2 processes did not meet at 127.0.0.1:")
    assert alone_at_the_meeting in said
    assert leaving == [2]


def test_an_interrupt_ends_a_process_without_a_farewell(leaving, monkeypatch):
    for name in ("_fabric", "_meet"):
        monkeypatch.setattr(ranks, name, lambda *_: None)
    with pytest.raises(KeyboardInterrupt), ranks.together("cpu", TWO):
        raise KeyboardInterrupt
    assert leaving == [130]


@pytest.mark.parametrize("local_rank", [0, 1])
def test_one_card_for_several_processes_is_told_by_the_first_of_a_machine(local_rank, monkeypatch):
    monkeypatch.setenv("LOCAL_RANK", str(local_rank))
    with pytest.raises(BalanceError) as error, ranks.together("cuda:1", TWO):
        pass
    assert "write --device cuda, and each takes its own" in str(error.value)
    assert isinstance(error.value, ToldElsewhere) is bool(local_rank)


def test_fewer_cards_than_processes_are_refused(monkeypatch):
    monkeypatch.setattr(ranks.torch.cuda, "device_count", lambda: 1)
    four = Launch("srun", processes=8, machines=2, rank=0, local_rank=0)
    with pytest.raises(BalanceError, match=r"4 processes .* found 1; .*--gpus-per-node=4"):
        ranks._fabric("cuda", four, in_turn=False)


@pytest.mark.parametrize(
    ("error", "lost"),
    [
        (dist.DistNetworkError("no"), True),
        (RuntimeError("[gloo/transport/tcp/pair.cc:537] Connection reset by peer"), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (BalanceError("'gloo/files' is no folder"), False),
    ],
)
def test_a_broken_connection_is_told_from_an_error_of_ones_own(error, lost):
    assert ranks.is_lost(error) is lost


@pytest.fixture
def store(monkeypatch):
    """A store that all ranks share, in the place of the process group's."""
    held = dist.HashStore()
    monkeypatch.setattr(ranks.dist, "is_initialized", lambda: True)
    monkeypatch.setattr(ranks.dist.distributed_c10d, "_get_default_store", lambda: held)
    return held


def test_the_first_rank_that_fails_speaks_and_the_others_are_silent(store):
    one, other = (Launch("torchrun", 2, 2, rank, 0) for rank in (1, 0))
    first = ranks._first_to_speak(BalanceError("no data"), one)
    second = ranks._first_to_speak(RuntimeError("gloo: closed"), other)
    assert (str(first), type(first)) == ("rank 1 of 2: no data", BalanceError)
    assert isinstance(second, ToldElsewhere)


def test_a_rank_that_was_killed_is_told_by_one_of_those_that_are_left(store):
    said = ranks._first_to_speak(RuntimeError("gloo: closed"), Launch("torchrun", 3, 3, 2, 0))
    assert "rank 2 of 3: the connection to another process broke" in str(said)
    assert "repeat the command with --resume" in str(said)


@pytest.mark.parametrize(("rank", "speaks"), [(1, True), (2, False)])
def test_without_the_store_the_second_rank_speaks(store, rank, speaks, monkeypatch):
    def gone():
        raise dist.DistNetworkError("connection refused")

    monkeypatch.setattr(ranks.dist.distributed_c10d, "_get_default_store", gone)
    said = ranks._first_to_speak(RuntimeError("gloo: closed"), Launch("srun", 3, 3, rank, 0))
    assert isinstance(said, ToldElsewhere) is not speaks
