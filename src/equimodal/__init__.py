"""Balanced multimodal learning for PyTorch.

The names below are loaded when they are first used: importing the package imports nothing else.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from equimodal.errors import BalanceError, DataError

if TYPE_CHECKING:
    from equimodal.balancing.balancer import Balancer
    from equimodal.balancing.epochs.blocks import Block
    from equimodal.balancing.epochs.epoch import Epoch
    from equimodal.balancing.method import Method
    from equimodal.balancing.readouts import (
        Ablation,
        AuxiliaryHeads,
        BranchSplit,
        CosineSplit,
        InputAblation,
        LinearSplit,
        OutputLogits,
        SharedHead,
    )
    from equimodal.balancing.step import Step
    from equimodal.balancing.task import Classification, MultiLabel, Regression, Tasks
    from equimodal.diagnosis.own_model.model import diagnose
    from equimodal.experiments.choice.choice import choose
    from equimodal.experiments.compare import compare
    from equimodal.methods.agm import AGM
    from equimodal.methods.amco import AMCo
    from equimodal.methods.amss import AMSS
    from equimodal.methods.aug import AUG
    from equimodal.methods.bss import BSS
    from equimodal.methods.cml import CML
    from equimodal.methods.dgl import DGL
    from equimodal.methods.di_mml import DIMML
    from equimodal.methods.diagnose_relearn import DiagnoseRelearn
    from equimodal.methods.dus import DUS
    from equimodal.methods.dus_learned import DUSLearned
    from equimodal.methods.gblend import GBlending
    from equimodal.methods.greedy import ConditionalSpeed
    from equimodal.methods.igm import IGM
    from equimodal.methods.joint import Joint, JointUnimodal
    from equimodal.methods.lfm import LFM
    from equimodal.methods.mbsd import MBSD
    from equimodal.methods.mcr import MCR
    from equimodal.methods.midas import MIDAS
    from equimodal.methods.mla import MLA
    from equimodal.methods.mmcosine import MMCosine
    from equimodal.methods.opm import OPM
    from equimodal.methods.pmr import PMR
    from equimodal.methods.qmf import QMF
    from equimodal.methods.reconboost import ReconBoost
    from equimodal.methods.remix import Remix
    from equimodal.methods.smv import SMV
    from equimodal.parts.cosine_head import CosineHead
    from equimodal.parts.exchange.mmtm import MMTM, BranchHead
    from equimodal.parts.modalities import ModalityMap
    from equimodal.parts.selection import Encoder
    from equimodal.saved.model import load

__version__ = "0.1.0"

__all__ = [
    "AGM",
    "AMSS",
    "AUG",
    "BSS",
    "CML",
    "DGL",
    "DIMML",
    "DUS",
    "IGM",
    "LFM",
    "MBSD",
    "MCR",
    "MIDAS",
    "MLA",
    "MMTM",
    "OPM",
    "PMR",
    "QMF",
    "SMV",
    "AMCo",
    "Ablation",
    "AuxiliaryHeads",
    "BalanceError",
    "Balancer",
    "Block",
    "BranchHead",
    "BranchSplit",
    "Classification",
    "ConditionalSpeed",
    "CosineHead",
    "CosineSplit",
    "DUSLearned",
    "DataError",
    "DiagnoseRelearn",
    "Encoder",
    "Epoch",
    "GBlending",
    "InputAblation",
    "Joint",
    "JointUnimodal",
    "LinearSplit",
    "MMCosine",
    "Method",
    "ModalityMap",
    "MultiLabel",
    "OutputLogits",
    "ReconBoost",
    "Regression",
    "Remix",
    "SharedHead",
    "Step",
    "Tasks",
    "choose",
    "compare",
    "diagnose",
    "load",
]

_HOMES = {
    "Ablation": "balancing.readouts",
    "AuxiliaryHeads": "balancing.readouts",
    "Balancer": "balancing.balancer",
    "Block": "balancing.epochs.blocks",
    "BranchHead": "parts.exchange.mmtm",
    "BranchSplit": "balancing.readouts",
    "Classification": "balancing.task",
    "CosineHead": "parts.cosine_head",
    "CosineSplit": "balancing.readouts",
    "Encoder": "parts.selection",
    "Epoch": "balancing.epochs.epoch",
    "InputAblation": "balancing.readouts",
    "LinearSplit": "balancing.readouts",
    "Method": "balancing.method",
    "MMTM": "parts.exchange.mmtm",
    "ModalityMap": "parts.modalities",
    "MultiLabel": "balancing.task",
    "OutputLogits": "balancing.readouts",
    "Regression": "balancing.task",
    "SharedHead": "balancing.readouts",
    "Step": "balancing.step",
    "Tasks": "balancing.task",
    "compare": "experiments.compare",
    "choose": "experiments.choice.choice",
    "diagnose": "diagnosis.own_model.model",
    "load": "saved.model",
}
_MODULES = ("data", "diagnosis", "functional", "methods", "models", "report")


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"equimodal.{name}")
    home = f"equimodal.{_HOMES[name]}" if name in _HOMES else _methods().get(name)
    if home is None:
        raise AttributeError(f"module 'equimodal' has no attribute '{name}'")
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_MODULES, *_methods()})


def _methods() -> dict[str, str]:
    """Modules of the methods' classes, every one that is registered, as the package offers them."""
    homes: dict[str, str] = import_module("equimodal.methods").classes()
    return homes
