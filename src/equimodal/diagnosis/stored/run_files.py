"""The runs below a folder, and what each left behind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from equimodal import methods
from equimodal.comparison.outcome.judged import Judged
from equimodal.comparison.rows import ALONE
from equimodal.errors import BalanceError
from equimodal.measures.scoring import blind_loss
from equimodal.numerics.spreads import chosen_rate
from equimodal.storage.files import read_json
from equimodal.training.prediction import again, read_arrays
from equimodal.training.run_folder import CONFIG, PREDICTIONS, RECORDS, RESULT

_BUDGET = (
    "data", "data_settings", "epochs", "batch_size", "optimizer", "optimizer_settings", "schedule",
    "objective", "encoders", "fusion",
)  # fmt: skip


@dataclass(frozen=True)
class RunFiles:
    """One finished run: its folder, configuration and result."""

    folder: Path
    config: Mapping[str, Any]
    result: Mapping[str, Any]

    @property
    def row(self) -> str:
        """The row of a comparison that it belongs to."""
        return str(self.config["method"])

    @property
    def seed(self) -> int:
        """Its seed."""
        return int(self.config["seed"])

    @property
    def own_fusion(self) -> str:
        """The fusion that its row brings; empty where it has that of the comparison."""
        return methods.entry(self.row).fusion if methods.known(self.row) else ""

    def fits(self, other: RunFiles, *, times: int = 1) -> bool:
        """Whether it was trained on the same data with the same budget, whatever the loss.

        ``times``: for so many times the epochs of the other.
        """
        mine, theirs = self.config, {**other.config, "epochs": times * other.config["epochs"]}
        return all(mine.get(key) == theirs.get(key) for key in _BUDGET)

    def judged(self, split: str) -> Judged:
        """What its model predicts on a split, "test" or "validation".

        Raises:
            BalanceError: the predictions are missing, damaged, of an earlier version, or not
                finite.
        """
        names, arrays = self._arrays()
        judged = Judged(
            arrays[f"{split}_logits"],
            arrays[f"{split}_labels"],
            dict(zip(names, arrays[f"{split}_unimodal_logits"], strict=True)),
            dict(zip(names, arrays[f"{split}_probed"], strict=True)),
            self._losses(),
            arrays.get(f"{split}_groups"),
            self._fitted(arrays[f"{split}_labels"]),
        )
        whole = arrays.get(f"{split}_whole")
        if whole is None:
            return judged
        if not bool(whole.any()):
            raise BalanceError(
                f"No {split} sample has every modality, so that a diagnosis has nothing to judge."
            )
        return judged.rows(whole)

    def lacking(self, split: str) -> int:
        """How many samples of a split lack a modality, and are not judged."""
        whole = self._arrays()[1].get(f"{split}_whole")
        return 0 if whole is None else int((~whole).sum())

    def diagnosis(self) -> list[dict[str, Any]]:
        """What the balancer recorded of the training; nothing where it did not."""
        path = self.folder / RECORDS
        found = read_json(path).get("diagnosis", []) if path.exists() else []
        return list(found)

    def _fitted(self, labels: Tensor) -> float | None:
        """Share of the loss of who knows frequencies alone that training alone took from it."""
        path = self.folder / RECORDS
        if not self.row.startswith(ALONE) or not path.exists():
            return None
        losses = [curve["train_loss"] for curve in read_json(path).get("curves", [])]
        known = (self.result.get("train") or {}).get("entropy")
        whole = blind_loss(labels) if known is None else known
        return 1 - min(losses) / whole if losses and whole > 0 else None

    def _losses(self) -> dict[str, tuple[float, float]]:
        train, validation = self.result.get("train") or {}, self.result.get("validation") or {}
        own, held_out = train.get("modality_loss", {}), validation.get("modality_loss", {})
        return {m: (own[m], held_out[m]) for m in own if m in held_out}

    def _arrays(self) -> tuple[list[str], dict[str, Tensor]]:
        """Names of the modalities, and the kept predictions."""
        path, found = self.folder / PREDICTIONS, read_arrays(self.folder)
        if "test_probed" not in found:
            raise BalanceError(f"'{path}' was written by an earlier version; {again(self.folder)}")
        needed = [
            f"{split}_{key}"
            for split in ("test", "validation")
            for key in ("logits", "labels", "unimodal_logits", "probed")
        ]
        absent = [key for key in ("modalities", *needed) if key not in found]
        if absent:
            raise BalanceError(f"'{path}' lacks {absent[0]}; {again(self.folder)}")
        names = [str(name) for name in found.pop("modalities")]
        tensors = {key: torch.from_numpy(values) for key, values in found.items()}
        logits = {key: values for key, values in tensors.items() if key.endswith("logits")}
        broken = [key for key, values in logits.items() if not bool(values.isfinite().all())]
        if broken:
            raise BalanceError(
                f"'{path}' holds {broken[0]} that are not finite (NaN or infinite): the training "
                f"diverged, so that nothing can be said of it; {again(self.folder)}"
            )
        return names, tensors


def finished_runs(folder: Path) -> list[RunFiles]:
    """The finished runs below ``folder``/runs, at the learning rate that is best on validation.

    Raises:
        BalanceError: a file of a run is damaged.
    """
    found: dict[tuple[str, int], list[RunFiles]] = {}
    for config in sorted(folder.glob(f"runs/*/*/{CONFIG}")):
        run = run_at(config.parent)
        if run is not None:
            found.setdefault((run.row, run.config["epochs"]), []).append(run)
    return [run for runs in found.values() for run in _at_one_rate(runs)]


def run_at(folder: Path) -> RunFiles | None:
    """The run in a folder; None where it is not finished.

    Raises:
        BalanceError: one of its files is damaged.
    """
    if not (folder / RESULT).exists():
        return None
    result = read_json(folder / RESULT)
    config = read_json(folder / CONFIG)
    if "method" not in config or "seed" not in config:
        raise BalanceError(
            f"'{folder / CONFIG}' names no method and seed, so it belongs to no run of equimodal."
        )
    return RunFiles(folder, config, result) if result.get("status") == "finished" else None


def _at_one_rate(runs: Sequence[RunFiles]) -> list[RunFiles]:
    rate = chosen_rate([{**run.result, "lr": run.config["lr"]} for run in runs])
    return [run for run in runs if run.config["lr"] == rate]
