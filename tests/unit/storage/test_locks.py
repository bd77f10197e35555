import os
import signal
import subprocess
import sys
import threading

import pytest

from equimodal.errors import BalanceError
from equimodal.storage.locks import locked


def test_a_locked_folder_is_refused_to_a_second_owner(tmp_path):
    refused = pytest.raises(BalanceError, match="Another process is writing")
    with locked(tmp_path), refused, locked(tmp_path, patience=0.0):
        pass
    with locked(tmp_path, patience=0.0):
        pass


def test_the_option_that_chooses_another_folder_is_named(tmp_path):
    refused = pytest.raises(BalanceError, match="another folder with --cache")
    with locked(tmp_path), refused, locked(tmp_path, patience=0.0, option="--cache"):
        pass


def test_a_second_owner_says_that_it_waits_and_waits(tmp_path):
    held, told = threading.Event(), threading.Event()

    def hold():
        with locked(tmp_path):
            held.set()
            told.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    with locked(tmp_path, patience=10.0, waits=told.set):
        pass
    thread.join()


def test_the_lock_of_a_killed_process_is_free(tmp_path):
    holds = (
        "import sys; from pathlib import Path; from equimodal.storage.locks import locked\n"
        "with locked(Path(sys.argv[1])): print(flush=True); sys.stdin.read()"
    )
    refused = pytest.raises(BalanceError, match="Another process is writing")
    with subprocess.Popen(
        [sys.executable, "-c", holds, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as owner:
        owner.stdout.readline()
        with refused, locked(tmp_path, patience=0.0):
            pass
        os.kill(owner.pid, signal.SIGKILL)
    with locked(tmp_path, patience=0.0):
        pass


def test_a_folder_that_is_a_file_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    refused = pytest.raises(BalanceError, match=r"file' cannot be used .* check --cache")
    with refused, locked(tmp_path / "file", option="--cache"):
        pass
