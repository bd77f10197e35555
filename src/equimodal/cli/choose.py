"""`equimodal choose`: its options, and what it prints."""

import argparse
import os

from equimodal.cli.values import encoders, rate, settings, whole_number

DESCRIPTION = """\
Under a time budget: train joint training and its baselines, diagnose them, search the methods that
the verdict suggests and their main setting by successive halving, and confirm the best on fresh
seeds against joint training with and without a loss for each modality. Selection is on validation
samples only. Hands back the model, its settings, and a page."""

EXAMPLES = """\
examples:
  equimodal choose --budget 10m                           on keypad
  equimodal choose --data my.csv --budget 2h
  equimodal choose --data my.csv --budget 3h --resume     continue, with more time"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of ``choose``."""
    parser.add_argument(
        "--data", metavar="NAME", default="keypad", help="data set, or a table of your own (keypad)"
    )
    parser.add_argument("--data-root", metavar="DIR", help="folder with the data set's own files")
    parser.add_argument(
        "--budget", metavar="TIME", required=True, help="time for all of it: 90s, 10m or 1h30m"
    )
    training = parser.add_argument_group("what is trained, as in `equimodal compare`")
    training.add_argument("--objective", metavar="KIND", help="fused or fused+unimodal (fused)")
    training.add_argument("--epochs", type=whole_number, metavar="N", help="passes over the data")
    training.add_argument("--lr", type=rate, metavar="X", help="learning rate")
    training.add_argument("--batch-size", type=whole_number, metavar="N", help="samples a step")
    training.add_argument("--optimizer", metavar="NAME", help="sgd, adam or adamw (sgd)")
    training.add_argument("--schedule", metavar="NAME", help="of the learning rate (cosine)")
    training.add_argument(
        "--encoder", dest="encoders", action="append", metavar="MODALITY=NAME",
        help="encoder of a modality, such as image=resnet18; repeatable",
    )  # fmt: skip
    training.add_argument("--fusion", metavar="NAME", help="how features are fused (concat)")
    training.add_argument(
        "--set", dest="settings", action="append", metavar="KEY=VALUE",
        help="setting of the data, such as keypad.snr=5; repeatable",
    )  # fmt: skip
    execution = parser.add_argument_group("where it runs")
    execution.add_argument("--device", metavar="NAME", help="cpu, cuda or cuda:1 (cpu)")
    execution.add_argument("--jobs", type=whole_number, metavar="N", help="runs at a time")
    execution.add_argument("--out", metavar="DIR", help="folder (results/choose-<data>)")
    execution.add_argument("--cache", metavar="DIR", help="folder of a table's decoded samples")
    execution.add_argument(
        "--resume", action="store_true", help="continue in that folder instead of refusing it"
    )


def run(arguments: argparse.Namespace) -> None:
    """Choose and print.

    Raises:
        BalanceError: as in `equimodal.choose`.
    """
    given = {k: v for k, v in vars(arguments).items() if v is not None}
    given = {k: v for k, v in given.items() if k not in ("command", "run")}
    given["settings"] = settings(given.get("settings", []))
    given["encoders"] = encoders(given.get("encoders", []))
    from equimodal.experiments.choice.choice import choose, default_folder
    from equimodal.experiments.choice.telling import outcome

    given.setdefault("out", str(default_folder(given["data"])))
    choice = choose(given.pop("data"), **given)
    print("\n".join(outcome(choice)))
    print(f"model:   {os.path.join(given['out'], choice['pick']['model'])}")
    print(f"page:    {os.path.join(given['out'], choice['page'])}")
    print(f"choice:  {os.path.join(given['out'], 'choice.json')}")
