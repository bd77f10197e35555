"""Balanced multimodal learning for PyTorch.

The names below are loaded when they are first used: importing the package imports nothing else.
`equimodal.compare` is a package that can be called.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from equimodal.errors import BalanceError, DataError

if TYPE_CHECKING:
    from equimodal.balancer import Balancer
    from equimodal.choosing.choice import choose
    from equimodal.compare import compare
    from equimodal.diagnostics.model import diagnose
    from equimodal.encoders import Encoder
    from equimodal.method import Epoch, Method, Step
    from equimodal.methods.amss import AMSS
    from equimodal.methods.diagnose_relearn import DiagnoseRelearn
    from equimodal.methods.dus import DUS
    from equimodal.methods.dus_learned import DUSLearned
    from equimodal.methods.joint import Joint, JointUnimodal
    from equimodal.modalities import ModalityMap
    from equimodal.readouts import Ablation, AuxiliaryHeads, InputAblation, LinearSplit
    from equimodal.task import Classification, MultiLabel, Regression

__version__ = "0.1.0"

__all__ = [
    "AMSS",
    "DUS",
    "Ablation",
    "AuxiliaryHeads",
    "BalanceError",
    "Balancer",
    "Classification",
    "DUSLearned",
    "DataError",
    "DiagnoseRelearn",
    "Encoder",
    "Epoch",
    "InputAblation",
    "Joint",
    "JointUnimodal",
    "LinearSplit",
    "Method",
    "ModalityMap",
    "MultiLabel",
    "Regression",
    "Step",
    "choose",
    "compare",
    "diagnose",
]

_HOMES = {
    "AMSS": "methods.amss",
    "DUS": "methods.dus",
    "DUSLearned": "methods.dus_learned",
    "DiagnoseRelearn": "methods.diagnose_relearn",
    "Joint": "methods.joint",
    "JointUnimodal": "methods.joint",
    "Ablation": "readouts",
    "AuxiliaryHeads": "readouts",
    "Balancer": "balancer",
    "Classification": "task",
    "Encoder": "encoders",
    "Epoch": "method",
    "InputAblation": "readouts",
    "LinearSplit": "readouts",
    "Method": "method",
    "ModalityMap": "modalities",
    "MultiLabel": "task",
    "Regression": "task",
    "Step": "method",
    "choose": "choosing.choice",
    "diagnose": "diagnostics.model",
}
_MODULES = ("compare", "data", "diagnostics", "functional", "methods", "models", "report")


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"equimodal.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module 'equimodal' has no attribute '{name}'")
    value = getattr(import_module(f"equimodal.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_MODULES})
