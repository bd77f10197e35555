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

from equimodal.data.dataset import Modality
from equimodal.errors import BalanceError, bounded
from equimodal.models.fusion import FusionModel
from equimodal.saved.model import Model, network_of
from equimodal.saved.prediction import opened
from equimodal.storage.files import atomic

FORMATS = ("pt2", "onnx")
TOLERANCE = 1e-4
"""By which a probability of the file may differ from the model's."""
_MOST_ROWS, _BATCHES = 512, (1, 3, 16)
_NEEDED = {"pt2": (), "onnx": ("onnx", "onnxscript", "onnxruntime")}


@dataclass(frozen=True)
class Exported:
    """A file that was checked: its path, the samples of the check, and by how much a probability
    differed at most."""

    path: Path
    samples: int
    difference: float


class Network(nn.Module):
    """What is exported: prepared inputs by position -> logits (N, C), probabilities (N, C)."""

    def __init__(self, network: FusionModel) -> None:
        super().__init__()
        self.network = network

    def forward(self, *inputs: Tensor) -> tuple[Tensor, Tensor]:
        """n times (N, ...) -> (N, C), (N, C)"""
        given = zip(self.network.encoders.items(), inputs, strict=True)
        logits = self.network.fuse({m: encoder(rows) for (m, encoder), rows in given})
        return logits, logits.softmax(1)


def export(
    model: Model, folder: str | Path, out: str | Path, *, format: str,
    rows: str | Path | None = None, root: str | Path | None = None,
) -> Exported:  # fmt: skip
    """Write the network of a model folder for other programs, and hold it against the model.

    Decoding and standardising stay outside: the inputs are what `Model.prepared` returns.

    Args:
        model: what was read from the folder.
        folder: the model folder.
        out: the file that is written.
        format: one of `FORMATS`.
        rows: a table whose first 512 rows the file is checked on; None: random inputs.
        root: folder that its paths start from.

    Raises:
        BalanceError: a package is missing, the network cannot be exported, or the file's
            probabilities differ from the model's by more than `TOLERANCE`.
    """
    if lacking := [name for name in _NEEDED[format] if find_spec(name) is None]:
        raise BalanceError(
            f"--format {format} lacks the packages {', '.join(lacking)}; write pip install "
            "'equimodal[onnx]'."
        )
    place = Path(out)
    if place.exists():
        raise BalanceError(f"'{place}' is there already; choose another file with --out.")
    network = Network(network_of(Path(folder), model.description)).eval()
    samples = (
        _table(model, rows, root) if rows is not None else _drawn(model.description.modalities)
    )
    with _quiet(), torch.no_grad():
        content, run = _WRITERS[format](network, list(model.modalities), _zeros(model))
        difference, count = _difference(network, run, samples)
    if not difference <= TOLERANCE:
        raise BalanceError(
            f"The {format} file gives probabilities that differ from the model's by up to "
            f"{difference:.2g}, more than {TOLERANCE:g}; it was not written. Try the other format."
        )
    with atomic(place) as file:
        file.write(content)
    return Exported(place, count, difference)


Run = Callable[[Sequence[Tensor]], Tensor]
"""Prepared inputs by position -> probabilities of what was exported."""


def _pt2(network: nn.Module, names: list[str], inputs: tuple[Tensor, ...]) -> tuple[bytes, Run]:
    into = io.BytesIO()
    torch.export.save(_program(network, inputs), into)
    content = into.getvalue()
    again: Any = torch.export.load(io.BytesIO(content)).module()  # what was just written
    return content, lambda given: again(*given)[1]


def _onnx(network: nn.Module, names: list[str], inputs: tuple[Tensor, ...]) -> tuple[bytes, Run]:
    import onnxruntime

    made: Any = torch.onnx.export(
        _program(network, inputs), inputs, dynamo=True, input_names=names,
        output_names=["logits", "probabilities"], verbose=False,
    )  # fmt: skip
    content: bytes = made.model_proto.SerializeToString()
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])

    def run(given: Sequence[Tensor]) -> Tensor:
        fed = {n: rows.numpy() for n, rows in zip(names, given, strict=True)}
        return torch.from_numpy(session.run(["probabilities"], fed)[0])

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


def _difference(network: nn.Module, run: Run, samples: list[Tensor]) -> tuple[float, int]:
    """By how much a probability differs at most, in batches of several sizes, and of how many."""
    worst, count = 0.0, len(samples[0])
    for size in _BATCHES:
        for parts in zip(*(torch.split(rows, size) for rows in samples), strict=True):
            gap = (run(parts) - network(*parts)[1]).abs().max()
            worst = max(worst, float(gap)) if bool(gap == gap) else float("inf")
    return worst, count


def _zeros(model: Model) -> tuple[Tensor, ...]:
    """Two samples of each modality, as training would shape them."""
    return tuple(
        torch.zeros(2, *one.shape, dtype=torch.long if one.kind == "text" else torch.float32)
        for one in model.description.modalities.values()
    )


def _table(model: Model, rows: str | Path, root: str | Path | None) -> list[Tensor]:
    """The first rows of a table that can be read, prepared."""
    from equimodal.data.table.fitted.reading import blocks
    from equimodal.data.table.reading.roles import cells_of

    table, folder = opened(model, rows, root)
    cells = {
        m: cells_of([table.column(s, m) for s in one.sources])[:_MOST_ROWS]
        for m, one in model.columns.items()
    }
    (block,) = blocks(model.columns, cells, folder, size=_MOST_ROWS, jobs=1)
    if not block.used:
        raise BalanceError(f"None of the first {_MOST_ROWS} rows of '{rows}' can be read.")
    prepared = model.prepared(block.arrays)
    return [prepared[m].cpu() for m in model.modalities]


def _drawn(modalities: Mapping[str, Modality]) -> list[Tensor]:
    """Random inputs: standard normal, tokens with padding, sequences of several lengths."""
    generator, count = torch.Generator().manual_seed(0), 2 * max(_BATCHES)
    return [_random(one, count, generator) for one in modalities.values()]


def _random(one: Modality, count: int, generator: torch.Generator) -> Tensor:
    lengths = torch.linspace(1, one.shape[0], count).long()[:, None]
    there = torch.arange(one.shape[0]) < lengths
    if one.kind == "text":
        high = one.vocabulary or 1
        return torch.randint(1, max(high, 2), (count, *one.shape), generator=generator) * there
    found = torch.randn(count, *one.shape, generator=generator)
    if one.kind == "sequence":
        found[..., -1] = 1
        found *= there[:, :, None]
    return found


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
