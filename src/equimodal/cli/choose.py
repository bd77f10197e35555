"""`equimodal choose`: its texts, and what it prints."""

import argparse

from equimodal.cli.command import with_options
from equimodal.cli.options import given
from equimodal.storage.printing import say

_DESCRIPTION = """\
Under a time budget: train joint training and its baselines, diagnose them, search the methods that
the verdict suggests and their main setting by successive halving, and confirm the best on fresh
seeds against joint training with and without a loss for each modality. Selection is on validation
samples only. Hands back the model, its settings, and a page."""

_EXAMPLES = """\
examples:
  equimodal choose --budget 10m                           on keypad
  equimodal choose --data my.csv --budget 2h
  equimodal choose --data my.csv --budget 3h --resume     continue, with more time"""


def _run(arguments: argparse.Namespace) -> None:
    from equimodal.experiments.choice.choice import chosen, experiment_of
    from equimodal.experiments.choice.telling import outcome
    from equimodal.experiments.left_model import MODEL

    options = given(arguments)
    budget = options.pop("budget")
    experiment, execution = experiment_of(options)
    choice = chosen(experiment, execution, budget=budget)
    folder = execution.folder(experiment.data, "choose-")
    say("\n".join(outcome(choice)))
    say(f"model:   {folder / 'confirmed' / MODEL}")
    say(f"weights: {folder / choice['pick']['model']}")
    say(f"page:    {folder / choice['page']}")
    say(f"choice:  {folder / 'choice.json'}")


CHOOSE = with_options(
    "choose", help="try what the diagnosis suggests, under a time budget",
    description=_DESCRIPTION, examples=_EXAMPLES, run=_run,
)  # fmt: skip
