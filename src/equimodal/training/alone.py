"""One modality alone: its plain training, and what another run learns from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from os.path import normpath
from pathlib import Path
from typing import Any, cast

from lightning_fabric import Fabric
from torch import Tensor, nn

from equimodal.balancing.batches import epoch_batches
from equimodal.balancing.decisions import Decisions
from equimodal.balancing.task import Task
from equimodal.data.dataset import DataSource, MultimodalDataset
from equimodal.errors import BalanceError
from equimodal.models.fusion import Output, build_model
from equimodal.storage.files import load_checkpoint, read_json
from equimodal.training.config import ALONE, RunConfig
from equimodal.training.ranks import from_first
from equimodal.training.run_folder import CHECKPOINT, RESULT


class Alone:
    """Stands where a balancer stands for a model of one modality: the task's loss, nothing else.

    Its batches hold the same rows in the same order as those of paired training.

    Args:
        task: what is predicted.
        seed: seed of the run.
    """

    def __init__(self, task: Task, *, seed: int) -> None:
        self.task, self.seed = task, seed
        self.epoch_index = 0
        self.decisions = self.diagnosis = Decisions((), log=None, every=None, measured=list)

    def batches(
        self, dataset: MultimodalDataset, *, batch_size: int
    ) -> Iterator[tuple[dict[str, Tensor], Tensor]]:
        """Batches of one epoch, shuffled from (seed, epoch)."""
        return epoch_batches(dataset, batch_size, seed=self.seed, epoch=self.epoch_index)

    def loss(
        self,
        output: Output,
        target: Tensor | Mapping[str, Tensor],
        present: Tensor | None = None,
    ) -> Tensor:
        """The task's loss of the logits, of all samples. -> ()"""
        assert output.logits is not None and isinstance(target, Tensor)
        return self.task.loss(output.logits, target)

    def before_step(self) -> None:
        """Nothing to do."""

    def epoch_end(self) -> None:
        """Count the epoch."""
        self.epoch_index += 1

    def state_dict(self, *, constants: bool = True) -> dict[str, Any]:
        """The number of finished epochs."""
        return {"epoch": self.epoch_index}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue after the epochs that `state_dict` counted."""
        self.epoch_index = state["epoch"]


def load_teachers(
    config: RunConfig, source: DataSource, folder: Path, fabric: Fabric
) -> dict[str, tuple[nn.Module, nn.Module]] | None:
    """Encoder and head of every modality, trained alone; None where the run learns from none.

    The weights are those that did best on validation. The first rank reads them for all.

    Args:
        config: of the run that learns.
        source: its data.
        folder: its folder.
        fabric: the processes that train it.

    Raises:
        BalanceError: a run that it learns from is missing, damaged or did not finish.
    """
    if not config.teachers:
        return None
    found: dict[str, tuple[nn.Module, nn.Module]] = {}
    every = from_first(fabric, lambda: {m: _weights(config, m, folder) for m in config.teachers})
    for m, weights in every.items():
        network = build_model(
            {m: source.modalities[m]}, len(source.classes), seed=config.seed,
            encoders={n: spec for n, spec in config.encoders.items() if n == m},
        )  # fmt: skip
        network.load_state_dict(weights)
        fused = cast(nn.Linear, network.head)  # of one modality, whatever the fusion
        head = nn.Linear(fused.in_features, fused.out_features)
        head.load_state_dict(fused.state_dict())
        found[m] = network.encoders[m].to(fabric.device), head.to(fabric.device)
    return found


def _weights(config: RunConfig, modality: str, own: Path) -> dict[str, Tensor]:
    """The selected weights of the run of a modality."""
    row, folder = f"{ALONE}{modality}", Path(normpath(own / config.teachers[modality]))
    if not (folder / RESULT).exists():
        raise BalanceError(
            f"{config.method} learns from the row '{row}' of seed {config.seed}, which was not "
            f"trained to its end; found no '{folder / RESULT}'. Repeat the comparison with "
            "--resume, or train that row first."
        )
    result = read_json(folder / RESULT)
    if result["status"] != "finished":
        raise BalanceError(
            f"{config.method} learns from the row '{row}' of seed {config.seed}, which did not "
            f"finish: {result['message']}"
        )
    weights: dict[str, Tensor] = load_checkpoint(folder / CHECKPOINT)["best"]
    return weights
