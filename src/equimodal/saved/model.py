"""A model that was read back: what it makes of prepared inputs, of cells, and of tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from equimodal.checks import require_path
from equimodal.comparison.execution import check_device
from equimodal.data.dataset import HUGGING_FACE
from equimodal.data.table.fitted.columns import FittedColumn
from equimodal.data.table.items.decode import Array
from equimodal.data.table.store.rows import HeldRows, StoredRows
from equimodal.data.target import REGRESSION, Target
from equimodal.errors import BalanceError
from equimodal.models.fusion import FusionModel, build_model
from equimodal.parts.modalities import ModalityMap
from equimodal.saved.description import AGAIN, SCALING, WEIGHTS, Description, read_description
from equimodal.saved.prediction import Outputs, Predicted, joined, stream
from equimodal.saved.rows import Rows, inputs_of_all, opened
from equimodal.saved.tensors import read_tensors
from equimodal.storage.files import as_written
from equimodal.training.config import create_method, rule_of


@dataclass(eq=False)
class Model:
    """A trained model: `load` reads one.

    ``network`` is the plain module in evaluation mode, which takes prepared inputs and returns
    features and logits; ``description`` is what model.json says; ``scaling`` holds mean and scale
    of each modality; ``device`` is where it runs.
    """

    network: FusionModel
    description: Description
    scaling: dict[str, Tensor]
    device: torch.device
    _map: ModalityMap | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        whole = self.description.target.task == REGRESSION
        self._readout = self.network.readout(whole=whole)

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes, labels or numbers in the order of the logits."""
        return self.description.classes

    @property
    def target(self) -> Target:
        """What it predicts: classes, labels or numbers."""
        return self.description.target

    @property
    def modalities(self) -> tuple[str, ...]:
        """Names of the modalities, in their order."""
        return tuple(self.description.modalities)

    def predict(
        self, rows: Rows, *, root: str | Path | None = None, jobs: int | None = None
    ) -> Predicted:
        """What the model says of all rows of a table, or of columns that are given here.

        Args:
            rows: the path of a table with the columns of training, or these columns by name, such
                as ``{"image": ["a.png", "b.png"], "text": ["a cat", "a dog"]}``; inline numbers
                may be an array, (N, D).
            root: folder that paths start from; by default the table's own, or the current one.
            jobs: processes that read files; by default one a processor.

        Raises:
            BalanceError: a column is missing, or the table cannot be read.
        """
        table, folder = opened(self, rows, root, blank=True)
        return joined(self, list(stream(self, table, folder, jobs=jobs)))

    def inputs(
        self, rows: Rows, *, root: str | Path | None = None, jobs: int | None = None
    ) -> dict[str, Tensor]:
        """All rows of a table as the network takes them: for `outputs`, or an exported file.

        {m: (N, ...)}, and where rows may lack a modality ".present", (N, M) bool: which each has.

        Args:
            rows: as of `predict`.
            root: as of `predict`.
            jobs: as of `predict`.

        Raises:
            BalanceError: a column is missing, or a row cannot be read; the message names it.
        """
        table, folder = opened(self, rows, root)
        return inputs_of_all(self, table, folder, jobs=jobs)

    @torch.inference_mode()
    def outputs(self, inputs: Mapping[str, Tensor]) -> Outputs:
        """What the model makes of prepared inputs, see `prepared`. {m: (N, ...)}"""
        if self._map is None and len(self.modalities) > 1:
            # As a balancer reads them, so that the numbers are those of training.
            self._map = ModalityMap(self.network, {m: f"encoders.{m}" for m in self.modalities})
            self._readout.attach(self._map)
        output = self.network({m: rows.to(self.device) for m, rows in inputs.items()})
        if output.logits is None:
            rows = {m: len(own) for m, own in inputs.items()}
            raise BalanceError(f"Every modality must have the same rows; found {rows}.")
        own = self._unimodal(output.features)
        unimodal = {m: logits.cpu() for m, logits in own.items()}
        return Outputs(output.logits.cpu(), unimodal, output.features)

    def _unimodal(self, features: dict[str, Tensor]) -> dict[str, Tensor]:
        if self._map is None:
            return {m: self.network.head({m: rows}) for m, rows in features.items()}
        return self._readout(self._map, features)

    def prepared(self, arrays: Mapping[str, Array]) -> dict[str, Tensor]:
        """Decoded rows as the network takes them: cut, standardised by the training rows.

        {m: (N, ...)} -> {m: (N, ...)}
        """
        table = self.columns
        return {m: self._scaled(m, table[m], rows) for m, rows in arrays.items()}

    @property
    def columns(self) -> Mapping[str, FittedColumn]:
        """How each modality's columns are read.

        Raises:
            BalanceError: the model was trained on a built-in set, whose samples come from no table.
        """
        if self.description.table is None:
            data = self.description.trained.get("data")
            raise BalanceError(
                f"This model was trained on the built-in set {data}, not on a table, so that it "
                "knows no columns; give its network prepared tensors: "
                "equimodal.load(...).outputs({...})."
            )
        return self.description.table.columns

    def _scaled(self, name: str, column: FittedColumn, rows: Array) -> Tensor:
        precision = torch.float64 if column.dtype == "f8" else torch.float32
        mean, scale = (
            self.scaling[key].to(precision) if key in self.scaling else None
            for key in (f"mean:{name}", f"scale:{name}")
        )
        held = HeldRows(np.ascontiguousarray(rows))
        places = np.arange(len(rows), dtype=np.int64)
        return StoredRows(held, places, mean, scale, self.device, column.crop)[places]


def load(folder: str | Path, *, device: str = "cpu") -> Model:
    """The model in a folder that `equimodal train`, `compare` or `choose` left.

    Nothing in the folder is executed: weights are safetensors, the rest is JSON, and every number
    is checked before it is used.

    Args:
        folder: the model folder.
        device: where it runs: ``cpu``, ``cuda`` or ``cuda:<index>``.

    Raises:
        BalanceError: it is no model folder, or one that is damaged or was edited.

    Example::

        model = equimodal.load("results/my/model")
        found = model.predict("new.csv")
        print(found.labels, found.probabilities)
    """
    place = Path(require_path("folder", folder))
    check_device(device)
    found = read_description(place)
    try:
        with as_written(place, AGAIN):
            _check_encoders(found.encoders)
            network = network_of(place, found)
            scaling = read_tensors(place / SCALING, found.files[SCALING], _scalings(found))
    except BalanceError as error:
        raise BalanceError(f"The model folder '{place}' cannot be used: {error}") from error
    return Model(network.to(device), found, scaling, torch.device(device))


def network_of(folder: Path, found: Description) -> FusionModel:
    """The network with its weights, in evaluation mode.

    Raises:
        BalanceError: the weights are those of another one.
    """
    with torch.device("meta"):  # takes no memory, whatever sizes the folder names
        shapes = {name: list(value.shape) for name, value in _built(found).state_dict().items()}
    weights = read_tensors(folder / WEIGHTS, found.files[WEIGHTS], shapes)
    network = _built(found)
    network.load_state_dict(weights)
    return network.eval()


def _built(found: Description) -> FusionModel:
    network = build_model(
        found.modalities, len(found.classes), seed=0, encoders=found.encoders, fusion=found.fusion
    )
    if found.prediction is not None:
        made = create_method(found.prediction["method"], found.prediction["settings"])
        network.beside = made.modules(network.widths, len(found.classes))
        network.rule = rule_of(made)
    return network


def _check_encoders(encoders: Mapping[str, str]) -> None:
    for name, spec in encoders.items():
        if spec.startswith(HUGGING_FACE):
            raise BalanceError(
                f"The encoder of '{name}' is {spec}, which a model folder does not hold; train "
                "with an encoder of ours, see docs/models.md."
            )


def _scalings(found: Description) -> dict[str, list[int]]:
    """Shapes of mean and scale of each modality that has them."""
    shapes: dict[str, list[int]] = {}
    for name, column in (found.table.columns if found.table else {}).items():
        kind = found.modalities[name].kind
        if kind != "text":
            own = [column.shape[-1]] if kind in ("vector", "sequence") else []
            shapes |= {f"mean:{name}": own, f"scale:{name}": own}
    return shapes
