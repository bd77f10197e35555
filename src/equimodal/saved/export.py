"""The network of a model as one file that runs without this package, checked against the model."""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from equimodal.data.target import CLASSIFICATION, REGRESSION, Target
from equimodal.errors import BalanceError, bounded
from equimodal.models.fusion import FusionModel
from equimodal.models.presence import WherePresent
from equimodal.saved.export_inputs import BATCHES, drawn, names_of, rows_of, zeros
from equimodal.saved.model import Model, network_of
from equimodal.storage.files import atomic

FORMATS = ("pt2", "onnx")
TOLERANCE = 1e-4
"""By which a probability of the file may differ from the model's."""
_NEEDED = {"pt2": (), "onnx": ("onnx", "onnxscript", "onnxruntime")}


@dataclass(frozen=True)
class Exported:
    """A file that was checked: its path, the samples of the check, and by how much a probability
    differed at most."""

    path: Path
    samples: int
    difference: float


class Network(nn.Module):
    """What is exported: prepared inputs by position -> logits (N, C), and what they say: the
    probabilities, or the numbers in their units. (N, C)

    Where samples may lack a modality, the last input says which each has, (N, M) bool. All encoders
    run on all samples then: what they make of one that is not there is replaced.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, network: FusionModel, target: Target) -> None:
        super().__init__()
        self.network, self.target = network, target
        for name in ("mean", "scale"):
            self.register_buffer(name, torch.tensor(getattr(target, name), dtype=torch.float32))

    def forward(self, *inputs: Tensor) -> tuple[Tensor, Tensor]:
        """n times (N, ...) -> (N, C), (N, C)"""
        features = {}
        for k, (m, encoder) in enumerate(self.network.encoders.items()):
            features[m] = encoder(inputs[k])
            if isinstance(encoder, WherePresent):
                features[m] = self.network.absent.fill(m, features[m], inputs[-1][:, k])
        logits = self.network.fuse(features)
        return logits, self._said(logits)

    def _said(self, logits: Tensor) -> Tensor:
        if self.target.task == REGRESSION:
            return logits * self.scale + self.mean
        return logits.softmax(1) if self.target.task == CLASSIFICATION else logits.sigmoid()


def export(
    model: Model, folder: str | Path, out: str | Path, *, format: str,
    rows: str | Path | None = None, root: str | Path | None = None,
) -> Exported:  # fmt: skip
    """Write the network of a model folder for other programs, and hold it against the model.

    Decoding and standardising stay outside: the inputs are what `Model.inputs` returns.

    Args:
        model: what was read from the folder.
        folder: the model folder.
        out: the file that is written.
        format: one of `FORMATS`.
        rows: a table whose first 512 rows the file is checked on; None: random inputs.
        root: folder that its paths start from.

    Raises:
        BalanceError: a package is missing, the network cannot be exported, or the file's
            probabilities (of numbers the standardised ones) differ from the model's by more than
            `TOLERANCE`.
    """
    if lacking := [name for name in _NEEDED[format] if find_spec(name) is None]:
        raise BalanceError(
            f"--format {format} lacks the packages {', '.join(lacking)}; write pip install "
            "'equimodal[onnx]'."
        )
    place = Path(out)
    if place.exists():
        raise BalanceError(f"'{place}' is there already; choose another file with --out.")
    network = Network(network_of(Path(folder), model.description), model.target).eval()
    samples = rows_of(model, rows, root) if rows is not None else drawn(model)
    with _quiet(), torch.no_grad():
        content, run = _WRITERS[format](network, names_of(model), zeros(model))
        difference, count = _difference(model, run, samples)
    if not difference <= TOLERANCE:
        raise BalanceError(
            f"The {format} file gives {_said(model.target)} that differ from the model's by up to "
            f"{difference:.2g}, more than {TOLERANCE:g}; it was not written. Try the other format."
        )
    with atomic(place) as file:
        file.write(content)
    return Exported(place, count, difference)


Run = Callable[[Sequence[Tensor]], Sequence[Tensor]]
"""Prepared inputs by position -> logits of what was exported, and what they say."""


def _said(target: Target) -> str:
    """The name of what logits say."""
    return "numbers" if target.task == REGRESSION else "probabilities"


def _pt2(network: Network, names: list[str], inputs: tuple[Tensor, ...]) -> tuple[bytes, Run]:
    into = io.BytesIO()
    torch.export.save(_program(network, inputs), into)
    content = into.getvalue()
    again: Any = torch.export.load(io.BytesIO(content)).module()  # what was just written
    return content, lambda given: again(*given)


def _onnx(network: Network, names: list[str], inputs: tuple[Tensor, ...]) -> tuple[bytes, Run]:
    import onnxruntime

    made: Any = torch.onnx.export(
        _program(network, inputs), inputs, dynamo=True, input_names=names,
        output_names=["logits", _said(network.target)], verbose=False,
    )  # fmt: skip
    content: bytes = made.model_proto.SerializeToString()
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])

    def run(given: Sequence[Tensor]) -> Sequence[Tensor]:
        fed = {n: rows.numpy() for n, rows in zip(names, given, strict=True)}
        return [torch.from_numpy(told) for told in session.run(None, fed)]

    return content, run


_WRITERS: Mapping[str, Callable[..., tuple[bytes, Run]]] = {"pt2": _pt2, "onnx": _onnx}


def _program(network: nn.Module, inputs: tuple[Tensor, ...]) -> torch.export.ExportedProgram:
    batch = torch.export.Dim("batch", min=1, max=2**20)
    try:
        return torch.export.export(
            network, inputs, dynamic_shapes=(tuple({0: batch} for _ in inputs),)
        )
    except Exception as error:  # torch.export raises many kinds
        said = bounded(" ".join(str(error).split()), 300)
        raise BalanceError(f"This network cannot be exported by torch: {said}") from error


def _difference(model: Model, run: Run, samples: list[Tensor]) -> tuple[float, int]:
    """By how much a probability, or a standardised number, differs at most from the model's own in
    batches of several sizes, and of how many samples."""
    worst, count, task = 0.0, len(samples[0]), model.target.task
    names = names_of(model)
    for size in BATCHES:
        for parts in zip(*(torch.split(rows, size) for rows in samples), strict=True):
            logits = model.outputs(dict(zip(names, parts, strict=True))).logits
            own = {CLASSIFICATION: logits.softmax(1), REGRESSION: logits}
            said = run(parts)[0 if task == REGRESSION else 1]
            gap = (said - own.get(task, logits.sigmoid())).abs().max()
            worst = max(worst, float(gap)) if bool(gap == gap) else float("inf")
    return worst, count


@contextmanager
def _quiet() -> Iterator[None]:
    """Inside, the exporters say nothing of packages and names that play no part here."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
