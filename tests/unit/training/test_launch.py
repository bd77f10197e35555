"""What launchers leave in the environment, written down from their manuals."""

import pytest

from equimodal.errors import BalanceError, ToldElsewhere
from equimodal.training.launch import Launch, is_first_here, launched, told_once
from equimodal.workers.process import one_thread

TORCHRUN = {
    "TORCHELASTIC_RUN_ID": "none",
    "WORLD_SIZE": "6",
    "LOCAL_WORLD_SIZE": "2",
    "RANK": "3",
    "LOCAL_RANK": "1",
}
SRUN = {
    "SLURM_JOB_NAME": "train",
    "SLURM_NTASKS": "4",
    "SLURM_NTASKS_PER_NODE": "2",
    "SLURM_NNODES": "2",
    "SLURM_PROCID": "2",
    "SLURM_LOCALID": "0",
}


def test_a_process_that_nobody_launched_is_alone():
    assert launched({}) == Launch()
    assert launched({}).alone


def test_torchrun_says_which_of_how_many_on_how_many_machines():
    launch = launched(TORCHRUN)
    assert launch == Launch("torchrun", processes=6, machines=3, rank=3, local_rank=1)
    assert (launch.processes_per_machine, launch.alone) == (2, False)


def test_srun_says_which_of_how_many_on_how_many_machines():
    assert launched(SRUN) == Launch("srun", processes=4, machines=2, rank=2, local_rank=0)


def test_torchrun_inside_a_slurm_job_is_the_launcher():
    assert launched(SRUN | TORCHRUN).launcher == "torchrun"


@pytest.mark.parametrize(
    "environment",
    [
        TORCHRUN | {"WORLD_SIZE": "1", "LOCAL_WORLD_SIZE": "1", "RANK": "0", "LOCAL_RANK": "0"},
        SRUN | {"SLURM_NTASKS": "1"},
        SRUN | {"SLURM_JOB_NAME": "bash"},
        SRUN | {"SLURM_JOB_NAME": "interactive"},
        {"WORLD_SIZE": "1"},
    ],
)
def test_one_task_and_an_interactive_shell_are_one_process(environment):
    assert launched(environment) == Launch()


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        (TORCHRUN | {"WORLD_SIZE": "5"}, ["2 of 5", "same --nproc-per-node"]),
        (SRUN | {"SLURM_NTASKS": "3"}, ["3 tasks, with 2 a node on 2 nodes", "no --ntasks"]),
        ({k: v for k, v in SRUN.items() if k != "SLURM_NTASKS_PER_NODE"}, ["--ntasks-per-node"]),
        ({"WORLD_SIZE": "2", "RANK": "1"}, ["WORLD_SIZE is 2", "neither torchrun nor srun"]),
    ],
)
def test_processes_that_fabric_cannot_place_are_refused(environment, words):
    with pytest.raises(BalanceError) as error:
        launched(environment)
    assert all(word in str(error.value) for word in words), error.value


@pytest.mark.parametrize(
    ("environment", "first"),
    [
        ({}, True),
        ({"LOCAL_RANK": "0", "SLURM_LOCALID": "1"}, True),
        ({"LOCAL_RANK": "1"}, False),
        ({"SLURM_LOCALID": "1"}, False),
    ],
)
def test_a_mistake_of_all_is_told_by_the_first_of_a_machine(environment, first):
    assert is_first_here(environment) is first
    with pytest.raises(BalanceError) as error, told_once(environment):
        raise BalanceError("wrong")
    assert isinstance(error.value, ToldElsewhere) is not first


def test_one_thread_is_forced_and_a_workspace_of_the_users_is_kept():
    assert one_thread({"OMP_NUM_THREADS": "8", "HOME": "x"}) == {
        "HOME": "x",
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
    }
    kept = one_thread({"CUBLAS_WORKSPACE_CONFIG": ":16:8"})
    assert kept["CUBLAS_WORKSPACE_CONFIG"] == ":16:8"
