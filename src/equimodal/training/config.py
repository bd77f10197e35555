"""What determines the numbers of one run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from equimodal import methods
from equimodal.balancing.windows import EXPANDED
from equimodal.training.schedules import COSINE

if TYPE_CHECKING:
    from equimodal.balancing.method import Method
    from equimodal.models.fusion import Rule

UNTRAINED = "untrained"
JOINT = "joint"
ALONE = "alone:"
RATE_FACTORS = {f"{JOINT}:half-lr": 0.5, f"{JOINT}:double-lr": 2.0}
OPTIONAL: dict[str, Any] = {
    "encoders": {},
    "fusion": "concat",
    "schedule": COSINE,
    "optimizer_settings": {},
    "steps": EXPANDED,
    "teachers": {},
}
"""Fields that are left out of files at these values, as they were before the fields were there."""


@dataclass(frozen=True)
class RunConfig:
    """One row of a comparison, with one seed and one learning rate.

    Args:
        data: name of the data set.
        data_settings: arguments of its loader.
        method: the row: a registered method, ``untrained``, ``alone:<modality>``, or joint at
            another rate (a key of `RATE_FACTORS`).
        seed: seeds pairs, split, initial weights, order of the data and every draw.
        lr: learning rate at the first step; None for ``untrained``.
        epochs: passes over the training data.
        batch_size: samples of a step.
        optimizer: ``sgd``, ``adam`` or ``adamw``.
        objective: loss under a method that brings none, ``fused`` or ``fused+unimodal``.
        settings: arguments of the method, and ``on`` of its balancer.
        device: ``cpu``, ``cuda`` or ``cuda:<index>``.
        encoders: name of the encoder of each modality that has not the small one.
        fusion: how the encoders' features become logits, unless the method brings its own.
        schedule: learning rate over the training, as `schedules.check_schedule` takes it.
        steps: of a method that lists the rows of an epoch, one of `STEPS`.
        optimizer_settings: what replaces the optimiser's own, see `optimizers.SETTINGS`.
        teachers: of a method that learns from the rows of single modalities: by modality the folder
            of that run, from the run's own folder on.
    """

    data: str
    data_settings: Mapping[str, Any]
    method: str
    seed: int
    lr: float | None
    epochs: int
    batch_size: int
    optimizer: str
    objective: str
    settings: Mapping[str, Any]
    device: str
    encoders: Mapping[str, str] = field(default_factory=dict)
    fusion: str = "concat"
    schedule: str = COSINE
    optimizer_settings: Mapping[str, Any] = field(default_factory=dict)
    steps: str = EXPANDED
    teachers: Mapping[str, str] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Plain data, as run folders keep it: what is `OPTIONAL` only where it is no default."""
        return {k: v for k, v in asdict(self).items() if k not in OPTIONAL or v != OPTIONAL[k]}

    @property
    def trained_epochs(self) -> int:
        """``epochs``, or 0 for the row that is not trained."""
        return 0 if self.method == UNTRAINED else self.epochs

    @property
    def alone(self) -> str | None:
        """The modality that is trained alone, or None."""
        return self.method.removeprefix(ALONE) if self.method.startswith(ALONE) else None

    @property
    def registered_method(self) -> str:
        """The method that a row with a balancer runs: its own name, ``joint`` for joint's rows."""
        return JOINT if self.method in (UNTRAINED, *RATE_FACTORS) else self.method

    @property
    def model_fusion(self) -> str:
        """The fusion of its model: the one that the method brings, or ``fusion``."""
        own = "" if self.alone else methods.entry(self.registered_method).fusion
        return own or self.fusion

    @property
    def loss(self) -> str:
        """The objective that is trained: ``own`` for a row that brings its own."""
        if self.alone or methods.entry(self.registered_method).objective == "own":
            return "own"
        return self.objective

    @property
    def identity(self) -> dict[str, Any]:
        """What names the run in results.json, whether it has a result or not."""
        return {
            "data": self.data,
            "method": self.method,
            "seed": self.seed,
            "lr": self.lr,
            "objective": self.loss,
        }

    @property
    def title(self) -> str:
        """Row and seed, and the rate where there is one, as messages name a run."""
        return f"{self.method}, seed {self.seed}" + (f", lr {self.lr:g}" if self.lr else "")


def create_method(name: str, settings: Mapping[str, Any]) -> Method:
    """The registered method with the settings of a configuration.

    Raises:
        BalanceError: an unknown name or setting, or a value out of its range.
    """
    return methods.create(name, **{key: as_tuple(value) for key, value in settings.items()})


def rule_of(method: Method) -> Rule | None:
    """How the trained model predicts; None where its fused logits are the prediction."""
    return method.predict if method.has_stage("predict") else None


def as_tuple(value: Any) -> Any:
    """A list as a tuple, as it was before it went through JSON; anything else unchanged."""
    return tuple(value) if isinstance(value, list) else value
