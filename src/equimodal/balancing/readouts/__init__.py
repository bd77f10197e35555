"""Unimodal logits: what a fused model predicts from one modality alone.

Scores from different readouts are not comparable; a report names the readout.

=======================  ==============================================  =====================
readout                  for                                             cost of a step
=======================  ==============================================  =====================
:class:`LinearSplit`     concatenation or sum, and a linear head         M small products
:class:`CosineSplit`     concatenation, and a cosine head                M small products
:class:`BranchSplit`     branches that gate each other, mean of logits   the head, once more
:class:`SharedHead`      one head that reads each modality by itself     the head, M times
:class:`Ablation`        any head after named encoder modules            M times the head
:class:`InputAblation`   no encoder modules: inputs are blanked          M forward passes
:class:`AuxiliaryHeads`  a trained linear probe per modality             M small products
:class:`OutputLogits`    models that compute their own                   none
=======================  ==============================================  =====================
"""

from equimodal.balancing.readouts.ablation import Ablation, InputAblation
from equimodal.balancing.readouts.auxiliary_heads import AuxiliaryHeads
from equimodal.balancing.readouts.branch_split import BranchSplit
from equimodal.balancing.readouts.cosine_split import CosineSplit
from equimodal.balancing.readouts.linear_split import LinearSplit
from equimodal.balancing.readouts.output_logits import OutputLogits
from equimodal.balancing.readouts.readout import Readout, logits_of
from equimodal.balancing.readouts.shared_head import SharedHead

__all__ = [
    "Ablation", "AuxiliaryHeads", "BranchSplit", "CosineSplit", "InputAblation", "LinearSplit",
    "OutputLogits", "Readout", "SharedHead", "logits_of",
]  # fmt: skip
