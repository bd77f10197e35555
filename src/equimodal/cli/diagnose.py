"""`equimodal diagnose`: its texts, what it refuses, and what it prints."""

import argparse
import json
from typing import Any

from equimodal.cli.command import with_options
from equimodal.cli.options import given
from equimodal.comparison.command.options import COMMANDS
from equimodal.errors import BalanceError
from equimodal.storage.printing import say

_DESCRIPTION = """\
Say whether a modality is under-trained, how sure that is, what it costs in accuracy, and which
methods fit. DIR is the folder of a comparison or of one run; FILE is what balancer.diagnosis.save
wrote; with --data everything that a diagnosis takes is trained first. The exit code is 0 whatever
the verdict is."""

_EXAMPLES = """\
examples:
  equimodal diagnose results/keypad
  equimodal diagnose results/keypad --row amss       another row than joint
  equimodal diagnose results/keypad/runs/joint/seed-0
  equimodal diagnose results/keypad --settle         train what the verdict lacks, then diagnose
  equimodal diagnose training.json                   what a balancer recorded in your own loop
  equimodal diagnose --data my.csv --seeds 3         train what it takes, then diagnose
  equimodal diagnose --data my.csv --resume          continue after a kill, or show it again

What each word and number means: docs/diagnosis.md"""

_JUDGING = ("row", "split", "deep")
_DEEP = ("data_root", "cache")
_SETTLE = (*_DEEP, "jobs", "engine", "address", "cpus_per_run", "gpus_per_run")


def _run(arguments: argparse.Namespace) -> None:
    options = given(arguments)
    as_json = options.pop("json", False)
    _check(options)
    found = _trained(options) if "data" in options else _read(options)
    say(json.dumps(found, indent=1) if as_json else "\n".join(found["text"]))


def _check(given: dict[str, Any]) -> None:
    if ("target" in given) == ("data" in given):
        what = "both" if "target" in given else "neither"
        raise BalanceError(
            "diagnose takes the folder or file of a training, or --data with a data set to train "
            f"on; found {what}. Write: equimodal diagnose results/keypad"
        )
    needed = [*_DEEP * ("deep" in given), *_SETTLE * ("settle" in given)]
    *_, training = COMMANDS["diagnose"].values()
    foreign = [o.flag for o in training if o.name in given and o.name not in needed]
    if "target" in given and foreign:
        raise BalanceError(
            f"{foreign[0]} belongs to --data: what lies in '{given['target']}' is trained already; "
            "leave it out."
        )
    if "settle" in given and "data" in given:
        raise BalanceError("--settle belongs to a folder; --data trains all of it. Leave it out.")


def _read(given: dict[str, Any]) -> dict[str, Any]:
    from pathlib import Path

    from equimodal.diagnosis.folder import diagnose_folder, diagnose_recording

    if Path(given["target"]).is_file():
        foreign = [f"--{name}" for name in (*_JUDGING, "settle") if name in given]
        if foreign:
            raise BalanceError(
                f"{foreign[0]} belongs to a folder; '{given['target']}' is the record of one "
                "training. Leave it out."
            )
        return diagnose_recording(given["target"])
    if given.pop("settle", False):
        from equimodal.experiments.diagnose import settle_folder

        return settle_folder(given.pop("target"), **given)
    return diagnose_folder(given.pop("target"), progress=True, **given)


def _trained(given: dict[str, Any]) -> dict[str, Any]:
    from equimodal.comparison.execution import arranged
    from equimodal.experiments.diagnose import diagnosed

    judging = {name: given.pop(name) for name in _JUDGING if name in given}
    return diagnosed(*arranged(given), **judging)


DIAGNOSE = with_options(
    "diagnose", help="say whether a modality is under-trained, and what fits",
    description=_DESCRIPTION, examples=_EXAMPLES, run=_run,
)  # fmt: skip
