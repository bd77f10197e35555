"""`equimodal diagnose`: its options, and what it prints."""

import argparse
import json
from typing import Any

from equimodal.cli.values import encoders, rates, seeds, settings, whole_number
from equimodal.errors import BalanceError

DESCRIPTION = """\
Say whether a modality is under-trained, how sure that is, what it costs in accuracy, and which
methods fit. DIR is the folder of a comparison or of one run; FILE is what balancer.diagnosis.save
wrote; with --data everything that a diagnosis takes is trained first. The exit code is 0 whatever
the verdict is."""

EXAMPLES = """\
examples:
  equimodal diagnose results/keypad
  equimodal diagnose results/keypad --row amss       another row than joint
  equimodal diagnose results/keypad/runs/joint/seed-0
  equimodal diagnose training.json                   what a balancer recorded in your own loop
  equimodal diagnose --data my.csv --seeds 3         train what it takes, then diagnose
  equimodal diagnose --data my.csv --resume          continue after a kill, or show it again

What each word and number means: docs/diagnosis.md"""

_TRAINING = {
    "data_root": "--data-root", "seeds": "--seeds", "epochs": "--epochs", "lr": "--lr",
    "batch_size": "--batch-size", "optimizer": "--optimizer", "device": "--device",
    "encoders": "--encoder", "fusion": "--fusion", "schedule": "--schedule",
    "jobs": "--jobs", "out": "--out", "cache": "--cache", "settings": "--set",
    "resume": "--resume",
}  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of ``diagnose``."""
    parser.add_argument("target", nargs="?", metavar="DIR|FILE", help="what to diagnose")
    parser.add_argument("--row", metavar="NAME", help="the row of a comparison (joint)")
    parser.add_argument(
        "--split", metavar="NAME", help="samples that are judged: test or validation (test)"
    )
    parser.add_argument(
        "--deep", action="store_true",
        help="also load each model: gradients, Fisher information, purity of its features",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print the same content as JSON")
    training = parser.add_argument_group("with --data: what is trained, as in `equimodal compare`")
    training.add_argument("--data", metavar="NAME", help="data set, or a table of your own")
    training.add_argument("--data-root", metavar="DIR", help="folder with the data set's own files")
    training.add_argument(
        "--seeds", type=seeds, metavar="N|LIST", help="how many seeds, or which (3)"
    )
    training.add_argument("--epochs", type=whole_number, metavar="N", help="passes over the data")
    training.add_argument("--lr", type=rates, metavar="X[,Y]", help="learning rates")
    training.add_argument("--batch-size", type=whole_number, metavar="N", help="samples a step")
    training.add_argument("--optimizer", metavar="NAME", help="sgd, adam or adamw (sgd)")
    training.add_argument("--schedule", metavar="NAME", help="learning rate over time (cosine)")
    training.add_argument(
        "--encoder",
        dest="encoders",
        action="append",
        metavar="MODALITY=NAME",
        help="encoder of a modality, such as image=resnet18; repeatable",
    )
    training.add_argument("--fusion", metavar="NAME", help="how features are fused (concat)")
    training.add_argument("--set", dest="settings", action="append", metavar="KEY=VALUE",
                          help="setting of the data, such as keypad.snr=5; repeatable")  # fmt: skip
    training.add_argument("--device", metavar="NAME", help="cpu, cuda or cuda:1 (cpu)")
    training.add_argument("--jobs", type=whole_number, metavar="N", help="runs at a time")
    training.add_argument(
        "--out", metavar="DIR", help="folder of the trained runs (results/diagnose-<data>)"
    )
    training.add_argument("--cache", metavar="DIR", help="folder of a table's decoded samples")
    training.add_argument(
        "--resume", action="store_true", help="continue in that folder instead of refusing it"
    )


def run(arguments: argparse.Namespace) -> None:
    """Diagnose and print.

    Raises:
        BalanceError: nothing, or two things, are to be diagnosed; or they cannot be.
    """
    given = {name: value for name, value in vars(arguments).items() if value}
    _check(given)
    found = _trained(given) if "data" in given else _read(given)
    print(json.dumps(found, indent=1) if arguments.json else "\n".join(found["text"]))


def _check(given: dict[str, Any]) -> None:
    if ("target" in given) == ("data" in given):
        what = "both" if "target" in given else "neither"
        raise BalanceError(
            "diagnose takes the folder or file of a training, or --data with a data set to train "
            f"on; found {what}. Write: equimodal diagnose results/keypad"
        )
    needed = ("data_root", "cache") if "deep" in given else ()
    foreign = [o for name, o in _TRAINING.items() if name in given and name not in needed]
    if "target" in given and foreign:
        raise BalanceError(
            f"{foreign[0]} belongs to --data: what lies in '{given['target']}' is trained already; "
            "leave it out."
        )


def _read(given: dict[str, Any]) -> dict[str, Any]:
    from pathlib import Path

    from equimodal.diagnosis.folder import diagnose_folder
    from equimodal.diagnosis.recorded import diagnose_recording

    if Path(given["target"]).is_file():
        foreign = [f"--{name}" for name in ("row", "split", "deep") if name in given]
        if foreign:
            raise BalanceError(
                f"{foreign[0]} belongs to a folder; '{given['target']}' is the record of one "
                "training. Leave it out."
            )
        return diagnose_recording(given["target"])
    names = ("row", "split", "deep", "data_root", "cache")
    options = {name: given[name] for name in names if name in given}
    return diagnose_folder(given["target"], **options)


def _trained(given: dict[str, Any]) -> dict[str, Any]:
    from equimodal.experiments.diagnose import diagnose_data

    options = {name: given[name] for name in (*_TRAINING, "row", "split", "deep") if name in given}
    options["settings"] = settings(given.get("settings", []))
    options["encoders"] = encoders(given.get("encoders", []))
    return diagnose_data(given["data"], **options)
