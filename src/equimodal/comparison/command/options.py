"""The options of the commands that train: one table for their help, for reading and for writing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from equimodal.comparison.command import values


@dataclass(frozen=True)
class Option:
    """An option, or an argument by its place.

    Args:
        name: of the value, in `Experiment`, `Execution`, or of the command alone.
        flag: such as ``--epochs``; empty for an argument by its place.
        metavar: what its text is called; None for a switch.
        help: its line in the help of a command.
        read: its text as a value; of a repeated option, its texts.
        write: a value as the text that is read so; of a repeated option, as texts.
        repeated: whether it may be given several times.
        required: whether it has to be given.
    """

    name: str
    flag: str
    metavar: str | None
    help: str
    read: Callable[[Any], Any] = str
    write: Callable[[Any], Any] = str
    repeated: bool = False
    required: bool = False


_DATA = Option(
    "data", "--data", "NAME",
    "data set, see `equimodal data`, or a table of your own such as my.csv (keypad)",
)  # fmt: skip
_DATA_ROOT = Option("data_root", "--data-root", "DIR", "folder with the data set's own files")
_METHODS = Option(
    "methods", "--methods", "A,B", "rows, see `equimodal methods`; field: all (all unmarked)",
    read=values.words, write=values.list_text,
)  # fmt: skip
_METHOD = Option(
    "methods", "--method", "NAME", "one row, see `equimodal methods`",
    read=lambda text: (text,), write=values.only_text,
)  # fmt: skip
_SEEDS = Option(
    "seeds", "--seeds", "N|LIST",
    "how many (3 means 0, 1, 2), or which (0,1,7); one alone is written `7,` (3)",
    read=values.seeds, write=values.seeds_text,
)  # fmt: skip
_SEED = Option(
    "seeds", "--seed", "N", "which seed, from 0 on (0)", read=values.seed, write=values.only_text
)
_EPOCHS = Option("epochs", "--epochs", "N", "passes over the data", read=values.whole_number)
_LR = Option(
    "lr", "--lr", "X[,Y]",
    "learning rate; of several, each row keeps the one best on validation",
    read=values.rates, write=values.list_text,
)  # fmt: skip
_ONE_LR = Option("lr", "--lr", "X", "learning rate", read=values.rate, write=values.only_text)
_BATCH_SIZE = Option("batch_size", "--batch-size", "N", "samples a step", read=values.whole_number)
_OPTIMIZER = Option(
    "optimizer", "--optimizer", "NAME",
    "sgd, adam or adamw; its settings by --set sgd.momentum=0.9 (sgd)",
)  # fmt: skip
_SCHEDULE = Option(
    "schedule", "--schedule", "NAME",
    "cosine, constant, step:60:0.1 or multistep:80,90:0.1 (cosine)",
)  # fmt: skip
_STEPS = Option(
    "steps", "--steps", "KIND",
    "steps of methods that list the rows of an epoch: expanded, all that these make, or nominal, "
    "as many as joint (expanded)",
)  # fmt: skip
_OBJECTIVE = Option(
    "objective", "--objective", "KIND",
    "loss under a method that brings none: fused, the loss of the joint prediction, or "
    "fused+unimodal, which adds one loss per modality (fused)",
)  # fmt: skip
_ENCODERS = Option(
    "encoders", "--encoder", "MODALITY=NAME",
    "encoder of a modality, such as image=resnet18, see docs/models.md; repeatable "
    "(small; resnet18 for pictures of more than 64 pixels a side, conv1d for long sequences)",
    read=values.encoders, write=values.encoder_texts, repeated=True,
)  # fmt: skip
_FUSION = Option(
    "fusion", "--fusion", "NAME", "concat, sum, cosine, shared, film, gated or attention (concat)"
)
_SETTINGS = Option(
    "settings", "--set", "KEY=VALUE",
    "setting of a method or of the data, such as amss.tau=0.2 or keypad.snr=5; repeatable",
    read=values.settings, write=values.setting_texts, repeated=True,
)  # fmt: skip
_DEVICE = Option(
    "device", "--device", "NAME", "cpu, cuda, cuda:1, or cuda:all for runs on every card (cpu)"
)
_ONE_DEVICE = Option("device", "--device", "NAME", "cpu, cuda or cuda:1 (cpu)")
_JOBS = Option(
    "jobs", "--jobs", "N", "runs at a time (one per processor, or per card)",
    read=values.whole_number,
)  # fmt: skip
_ENGINE = (
    Option(
        "engine", "--engine", "NAME",
        "local, or ray for a cluster of machines, see docs/several-machines.md (local)",
    ),
    Option("address", "--address", "HOST", "of a running Ray cluster (one on this machine alone)"),
    Option("cpus_per_run", "--cpus-per-run", "X", "CPUs that a run takes of it (1)",
           read=values.share),
    Option(
        "gpus_per_run", "--gpus-per-run", "X",
        "GPUs that a run takes of it, such as 0.25 (1 with --device cuda)", read=values.share,
    ),
)  # fmt: skip
_OUT = Option("out", "--out", "DIR", "folder of the results (results/<data>)")
_CACHE = Option(
    "cache", "--cache", "DIR", "folder of a table's decoded samples (in the user's cache)"
)
_WRITE_PLAN = Option(
    "write_plan", "--write-plan", "FILE",
    "train nothing, write the runs as a list for `equimodal train --from-plan FILE`",
)  # fmt: skip
_RESUME = Option("resume", "--resume", None, "continue in that folder instead of refusing it")


def _other(option: Option, help: str) -> Option:
    """An option whose meaning differs in a command."""
    return replace(option, help=help)


_OWN_DATA = _other(_DATA, "data set, or a table of your own")
_DATA_SETTINGS = _other(
    _SETTINGS, "setting of the data or the optimizer, such as keypad.snr=5; repeatable"
)
_MODEL_AND_LOSS = (_ENCODERS, _FUSION, _OBJECTIVE, _SETTINGS)

COMMANDS: dict[str, dict[str, tuple[Option, ...]]] = {
    "compare": {
        "what is compared": (_DATA, _DATA_ROOT, _METHODS, _SEEDS, *_MODEL_AND_LOSS),
        "budget, the same for every row (default: the data set's)": (
            _LR, _EPOCHS, _BATCH_SIZE, _OPTIMIZER, _SCHEDULE, _STEPS,
        ),
        "where it runs": (_DEVICE, _JOBS, *_ENGINE, _OUT, _CACHE, _RESUME, _WRITE_PLAN),
    },
    "train": {
        "what is trained": (_DATA, _DATA_ROOT, _METHOD, _SEED, *_MODEL_AND_LOSS),
        "budget (default: the data set's)": (
            _ONE_LR, _EPOCHS, _other(_BATCH_SIZE, "samples a step, of all processes together"),
            _OPTIMIZER, _SCHEDULE, _STEPS,
        ),
        "where it runs": (_ONE_DEVICE, _OUT, _CACHE, _RESUME),
        "in the place of all that: one run of a plan": (
            Option("from_plan", "--from-plan", "FILE", "of `equimodal compare --write-plan`"),
            Option(
                "index", "--index", "N", "number of the run, from 0; of a job array its task",
                read=values.whole_number,
            ),
        ),
    },
    "reproduce": {
        "": (Option("name", "", "NAME", "recipe, such as amss/cremad"),),
        "what is done": (
            Option("show", "--show", None, "print the recipe in full, train nothing"),
            Option("tiny", "--tiny", None, "a small form on generated samples, in seconds"),
            _other(_DATA_ROOT, "the data set's official folder"),
            Option(
                "allow_missing", "--allow-missing", None,
                "leave out samples whose files are missing",
            ),
        ),
        "in the place of the recipe's values": (
            _other(_METHODS, "rows (the recipe's)"), _SEEDS, _EPOCHS, _BATCH_SIZE, _LR,
            _other(_ENCODERS, "encoder of a modality, such as text=hf:models/bert; repeatable"),
            _other(_SETTINGS, "setting of a method, the optimiser or the converter; repeatable"),
        ),
        "where it runs": (
            _DEVICE, _JOBS, *_ENGINE,
            _other(_OUT, "folder of the results (results/NAME, with --tiny results/NAME-tiny)"),
            _CACHE, _RESUME,
        ),
    },
    "diagnose": {
        "": (
            Option("target", "", "DIR|FILE", "what to diagnose"),
            Option("row", "--row", "NAME", "the row of a comparison (joint)"),
            Option(
                "split", "--split", "NAME", "samples that are judged: test or validation (test)"
            ),
            Option(
                "deep", "--deep", None,
                "also load each model: gradients, Fisher information, purity of its features",
            ),
            Option(
                "settle", "--settle", None,
                "first train what a verdict lacks in DIR: missing references, and a modality "
                "alone for 2 and 4 times the steps; --data does so anyway",
            ),
            Option("json", "--json", None, "print the same content as JSON"),
        ),
        "with --data: what is trained, as in `equimodal compare`": (
            _OWN_DATA, _DATA_ROOT, _SEEDS, _EPOCHS, _LR, _BATCH_SIZE, _OPTIMIZER, _SCHEDULE,
            _ENCODERS, _FUSION, _DATA_SETTINGS, _DEVICE, _JOBS,
            *_ENGINE, _other(_OUT, "folder of the trained runs (results/diagnose-<data>)"), _CACHE,
            _RESUME,
        ),
    },
    "choose": {
        "": (
            _DATA, _DATA_ROOT,
            Option(
                "budget", "--budget", "TIME", "time for all of it: 90s, 10m or 1h30m",
                required=True,
            ),
        ),
        "what is trained, as in `equimodal compare`": (
            _OBJECTIVE, _EPOCHS, _ONE_LR, _BATCH_SIZE, _OPTIMIZER, _SCHEDULE, _ENCODERS, _FUSION,
            _DATA_SETTINGS,
        ),
        "where it runs": (
            _DEVICE, _JOBS, *_ENGINE, _other(_OUT, "folder (results/choose-<data>)"), _CACHE,
            _RESUME,
        ),
    },
}  # fmt: skip
"""Options of each command by the title in its help; without one, those before all groups."""


def options_of(command: str) -> dict[str, Option]:
    """The options of a command by the names of their values."""
    return {option.name: option for group in COMMANDS[command].values() for option in group}
