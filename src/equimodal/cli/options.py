"""The options of the commands that train, in the groups that their help shows."""

import argparse

from equimodal.cli.values import rate, rates, seeds, whole_number, words

_Options = argparse.ArgumentParser | argparse._ArgumentGroup


def add_compare(parser: argparse.ArgumentParser) -> None:
    """The options of ``compare``."""
    plan = parser.add_argument_group("what is compared")
    _add_data(plan)
    plan.add_argument(
        "--methods", type=words, metavar="A,B", help="rows, see `equimodal methods` (all)"
    )
    plan.add_argument(
        "--seeds",
        type=seeds,
        metavar="N|LIST",
        default=3,
        help="how many (3 means 0, 1, 2), or which (0,1,7); one alone is written `7,` (3)",
    )
    _add_model(plan)
    _add_loss(plan)
    budget = parser.add_argument_group("budget, the same for every row (default: the data set's)")
    budget.add_argument(
        "--lr",
        type=rates,
        metavar="X[,Y]",
        help="learning rate; of several, each row keeps the one best on validation",
    )
    _add_budget(budget, "samples a step")
    execution = parser.add_argument_group("where it runs")
    _add_device(execution)
    execution.add_argument(
        "--jobs", type=whole_number, metavar="N", help="runs at a time (one per processor)"
    )
    _add_folder(execution)


def add_train(parser: argparse.ArgumentParser) -> None:
    """The options of ``train``."""
    plan = parser.add_argument_group("what is trained")
    _add_data(plan)
    plan.add_argument(
        "--method", metavar="NAME", required=True, help="one row, see `equimodal methods`"
    )
    plan.add_argument(
        "--seed", type=whole_number, metavar="N", default=0, help="which seed, from 0 on (0)"
    )
    _add_model(plan)
    _add_loss(plan)
    budget = parser.add_argument_group("budget (default: the data set's)")
    budget.add_argument("--lr", type=rate, metavar="X", help="learning rate")
    _add_budget(budget, "samples a step, of all processes together")
    execution = parser.add_argument_group("where it runs")
    _add_device(execution)
    _add_folder(execution)


def _add_data(group: _Options) -> None:
    group.add_argument(
        "--data",
        metavar="NAME",
        default="keypad",
        help="data set, see `equimodal data`, or a table of your own such as my.csv (keypad)",
    )
    group.add_argument("--data-root", metavar="DIR", help="folder with the data set's own files")


def _add_model(group: _Options) -> None:
    group.add_argument(
        "--encoder",
        dest="encoders",
        action="append",
        metavar="MODALITY=NAME",
        default=[],
        help="encoder of a modality, such as image=resnet18, see docs/models.md; repeatable "
        "(small; resnet18 for pictures of more than 64 pixels a side, conv1d for long sequences)",
    )
    group.add_argument(
        "--fusion",
        metavar="NAME",
        default="concat",
        help="concat, sum, film, gated or attention (concat)",
    )


def _add_loss(group: _Options) -> None:
    group.add_argument(
        "--objective",
        metavar="KIND",
        default="fused",
        help="loss under a method that brings none: fused, the loss of the joint prediction, or "
        "fused+unimodal, which adds one loss per modality (fused)",
    )
    group.add_argument(
        "--set",
        dest="settings",
        action="append",
        metavar="KEY=VALUE",
        default=[],
        help="setting of a method or of the data, such as amss.tau=0.2 or keypad.snr=5; repeatable",
    )


def _add_budget(group: _Options, batch: str) -> None:
    group.add_argument("--epochs", type=whole_number, metavar="N", help="passes over the data")
    group.add_argument("--batch-size", type=whole_number, metavar="N", help=batch)
    group.add_argument(
        "--optimizer", metavar="NAME", default="sgd",
        help="sgd, adam or adamw; its settings by --set sgd.momentum=0.9 (sgd)",
    )  # fmt: skip
    group.add_argument(
        "--schedule", metavar="NAME", default="cosine",
        help="cosine, constant, step:60:0.1 or multistep:80,90:0.1 (cosine)",
    )  # fmt: skip


def _add_device(group: _Options) -> None:
    group.add_argument("--device", metavar="NAME", default="cpu", help="cpu, cuda or cuda:1 (cpu)")


def _add_folder(group: _Options) -> None:
    group.add_argument("--out", metavar="DIR", help="folder of the results (results/<data>)")
    group.add_argument(
        "--cache", metavar="DIR", help="folder of a table's decoded samples (in the user's cache)"
    )
    group.add_argument(
        "--resume", action="store_true", help="continue in that folder instead of refusing it"
    )
