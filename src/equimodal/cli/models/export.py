"""`equimodal export`: its texts, and what it prints."""

from __future__ import annotations

import argparse
from pathlib import Path

from equimodal.checks import require_choice
from equimodal.cli.command import Command
from equimodal.storage.printing import say

_DESCRIPTION = """\
Write the network of a model folder for programs without this package: a torch.export archive (pt2),
or ONNX. Its inputs are prepared arrays, as equimodal.load(MODEL).prepared(...) gives them; its
outputs are logits and probabilities. The file is held against the model first, on rows of a table
or on random inputs, and written only where no probability differs by more than 0.0001."""

_EXAMPLES = """\
examples:
  equimodal export results/my/model --format pt2 --out my.pt2
  equimodal export results/my/model --format onnx --out my.onnx --rows validation.csv"""


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", help="folder that train, compare or choose left")
    parser.add_argument("--format", metavar="NAME", required=True, help="pt2 or onnx")
    parser.add_argument("--out", metavar="FILE", help="the file (MODEL/model.<format>)")
    parser.add_argument("--rows", metavar="TABLE", help="check it on the first 512 rows of these")
    parser.add_argument("--data-root", metavar="DIR", help="folder that its paths start from")


def _run(arguments: argparse.Namespace) -> None:
    from equimodal.saved.export import FORMATS, export
    from equimodal.saved.model import load

    form = require_choice("--format", arguments.format, FORMATS)
    model = load(arguments.model)
    out = arguments.out or Path(arguments.model) / f"model.{form}"
    done = export(
        model, arguments.model, out, format=form, rows=arguments.rows, root=arguments.data_root
    )
    checked = "rows" if arguments.rows else "random inputs"
    say(
        f"exported: {done.path} (checked on {done.samples} {checked}: probabilities differ from "
        f"the model's by {done.difference:.1e} at most)"
    )


EXPORT = Command(
    "write a model's network as pt2 or ONNX", _DESCRIPTION, _EXAMPLES, _add_arguments, _run
)
