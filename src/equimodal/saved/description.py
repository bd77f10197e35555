"""What model.json says: every value of it is checked, as a folder may come from anybody."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from equimodal.checks import require_modality_names
from equimodal.data.arrays import Kind
from equimodal.data.dataset import Modality
from equimodal.data.settings import choice, flag, number, whole
from equimodal.data.table.fitted.columns import MOST_NUMBERS, FittedTable
from equimodal.data.target import CLASSES, FEWEST, REGRESSION, TASKS, Target
from equimodal.errors import BalanceError, quoted
from equimodal.saved.seal import check_seal, sealed
from equimodal.storage.files import as_written, read_json

SCHEMA, EARLIER = "equimodal.model/2", "equimodal.model/1"
FILE, WEIGHTS, SCALING, CARD = (
    "model.json",
    "weights.safetensors",
    "scaling.safetensors",
    "README.md",
)
MOST_BYTES, MOST_CLASSES, MOST_MODALITIES = 2**28, 100_000, 64
AGAIN = "use a copy of the folder as it was made, or train the model again"


@dataclass(frozen=True)
class Description:
    """What a model is.

    ``classes`` are the names of what it predicts, classes, labels or numbers as ``target`` says.
    ``encoders`` and ``fusion`` are as in `equimodal.models.build_model`; ``table`` says how columns
    are read, None for a built-in set; ``trained`` is where the model comes from, ``versions`` what
    wrote it, ``files`` the digests of the other files.
    """

    classes: tuple[str, ...]
    modalities: dict[str, Modality]
    encoders: dict[str, str]
    fusion: str
    table: FittedTable | None
    trained: dict[str, Any]
    versions: dict[str, str]
    files: dict[str, str]
    fingerprint: str = ""
    prediction: dict[str, Any] | None = None
    """Method and settings whose rule makes predictions of the modalities' logits; None where the
    fused ones are the prediction."""
    target: Target = CLASSES

    def as_dict(self) -> dict[str, Any]:
        """As model.json holds it, with its digest."""
        modalities = {
            name: {
                "kind": one.kind, "shape": list(one.shape), "vocabulary": one.vocabulary,
                "tokens": one.tokens, "scaling": one.scaling and list(one.scaling),
                **({"missing": True} if one.missing else {}),
            }
            for name, one in self.modalities.items()
        }  # fmt: skip
        return sealed({
            "schema": SCHEMA, "task": self.target.task, **self._units(),
            "fingerprint": self.fingerprint, "classes": list(self.classes),
            "modalities": modalities, "encoders": self.encoders, "fusion": self.fusion,
            "table": self.table and self.table.as_dict(),
            "trained": self.trained, "versions": self.versions, "files": self.files,
            **({"prediction": self.prediction} if self.prediction else {}),
        })  # fmt: skip

    def _units(self) -> dict[str, list[float]]:
        """Mean and scale of numbers."""
        target = self.target
        return {"mean": list(target.mean), "scale": list(target.scale)} if target.scale else {}


def read_description(folder: Path) -> Description:
    """What model.json of a folder says.

    Raises:
        BalanceError: there is none, it was edited or damaged, or a value of it is none that this
            program writes.
    """
    path = folder / FILE
    if not path.is_file():
        raise BalanceError(
            f"'{folder}' is no model folder, it has no {FILE}; `equimodal train`, `compare` and "
            "`choose` leave one, and say where."
        )
    if path.stat().st_size > MOST_BYTES:
        raise BalanceError(f"'{path}' has more than {MOST_BYTES:,} bytes; {AGAIN}.")
    found = read_json(path, remedy=AGAIN)
    if found.get("schema") not in (SCHEMA, EARLIER):
        raise BalanceError(
            f"'{path}' has the schema {quoted(found.get('schema'))}, and this version reads "
            f"{SCHEMA} and {EARLIER}; read it with the version of equimodal that wrote it."
        )
    try:
        with as_written(folder, AGAIN):
            description = _description(found)
            check_seal(found, required=found["schema"] == SCHEMA)
            return description
    except BalanceError as error:
        raise BalanceError(f"'{path}' cannot be used: {error}") from error


def _description(found: Mapping[str, Any]) -> Description:
    require_modality_names(found["modalities"])
    whole("number of modalities", len(found["modalities"]), low=1, high=MOST_MODALITIES)
    modalities = {m: _modality(m, entry) for m, entry in found["modalities"].items()}
    table = None if found["table"] is None else FittedTable.from_dict(found["table"])
    if table is not None and list(table.columns) != list(modalities):
        raise BalanceError(
            f"its columns are of {', '.join(table.columns)}, and its modalities are "
            f"{', '.join(modalities)}; {AGAIN}."
        )
    classes = _texts("classes", found["classes"])
    target = _target(found, len(classes))
    return Description(
        tuple(classes), modalities, _mapping("encoders", found["encoders"]), str(found["fusion"]),
        table, dict(found["trained"]), _mapping("versions", found["versions"]),
        _mapping("files", found["files"]), str(found["fingerprint"]),
        _rule("prediction", found.get("prediction")), target,
    )  # fmt: skip


def _target(found: Mapping[str, Any], outputs: int) -> Target:
    task = choice("task", found["task"], TASKS)
    whole("number of classes", outputs, low=FEWEST[task], high=MOST_CLASSES)
    if task != REGRESSION:
        return Target(task)
    mean = tuple(number("mean", value) for value in found["mean"])
    scale = tuple(number("scale", value, above=0) for value in found["scale"])
    if not len(mean) == len(scale) == outputs:
        raise BalanceError(
            f"mean and scale must have {outputs} numbers, as there are outputs; found {len(mean)} "
            f"and {len(scale)}."
        )
    return Target(task, (), mean, scale)


def _modality(name: str, found: Mapping[str, Any]) -> Modality:
    kind: Any = choice(f"kind of '{name}'", found["kind"], get_args(Kind))
    shape = [whole(f"shape of '{name}'", n, low=1, high=MOST_NUMBERS) for n in found["shape"]]
    whole(f"numbers of '{name}'", math.prod(shape[:8]), low=1, high=MOST_NUMBERS)
    vocabulary, scaling = found["vocabulary"], found["scaling"]
    if vocabulary is not None:
        whole(f"vocabulary of '{name}'", vocabulary, low=1, high=2**24)
    if scaling is not None:
        mean, deviation = (number(f"scaling of '{name}'", x) for x in scaling)
        scaling = (mean, deviation)
    tokens = choice(f"tokens of '{name}'", found["tokens"], ("", "hf"))
    missing = flag(f"missing of '{name}'", found.get("missing", False))
    return Modality(kind, tuple(shape), vocabulary, tokens, scaling, missing=missing)


def _rule(name: str, found: object) -> dict[str, Any] | None:
    if found is None:
        return None
    settings = found.get("settings") if isinstance(found, dict) else None
    if not isinstance(found, dict) or not isinstance(settings, dict):
        raise BalanceError(f"{name} must name a method and its settings; found {quoted(found)}.")
    return {"method": str(found.get("method")), "settings": settings}


def _mapping(name: str, found: object) -> dict[str, str]:
    if not isinstance(found, dict) or not all(isinstance(v, str) for v in found.values()):
        raise BalanceError(f"{name} must be names with texts; found {quoted(found)}.")
    return dict(found)


def _texts(name: str, found: object) -> list[str]:
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise BalanceError(f"{name} must be a list of texts; found {quoted(found)}.")
    if len(set(found)) < len(found):
        raise BalanceError(f"{name} must differ; found {quoted(found)}.")
    return found
