r"""UMT: each encoder is also pulled to the features of a frozen teacher that was trained alone.

Joint training saturates before every encoder has learned what it could learn alone, so each is
also to give the features that an encoder of its own form gives which was trained without the
others.

Du, Teng, Li, Liu, Yuan, Wang, Yuan, Zhao: on uni-modal feature learning in supervised multi-modal
learning. ICML 2023 (PMLR 202); https://arxiv.org/abs/2305.01233

===============  =============  ==============================================================
symbol           shape          meaning
===============  =============  ==============================================================
:math:`z^m`      (N, D_m)       features of encoder m, with a graph
:math:`t^m`      (N, D_m)       its teacher's features of the same inputs, held fixed
===============  =============  ==============================================================

The teachers' trainings are a part of the method's cost. No official code was found, and the paper's
weights were not available to us: the default is that of a known port, whose teachers stay in
training mode; here they are in evaluation mode. ``docs/methods/umt.md`` says more.
"""

from torch import Tensor
from torch.nn import functional

from equimodal.balancing.method import Method
from equimodal.balancing.step import Step
from equimodal.checks import require, require_choice, require_flag, require_number, require_tensor
from equimodal.errors import BalanceError
from equimodal.numerics.scores import widened
from equimodal.parts.modalities import ModalityMap

DISTANCES = ("mse", "normalised")


class UMT(Method):
    r"""Distil features of encoders that were trained alone.

    .. math:: L + \lambda \sum_m \mathrm{mean}\,(z^m - t^m)^2

    a mean over the rows in which the modality is present, and over its features. Teachers are given
    to the balancer, ``teachers={"audio": ...}``; a comparison trains them as its rows ``alone:*``.

    Args:
        lam: weight of the distances, >= 0; 10 is a known port's.
        distance: "mse"; "normalised", of features brought to length 1, which makes ``lam``
            comparable between data sets; ours.
        warm_start: let the encoders begin at their teachers' weights; ours. With ``lam=0`` the
            control: what a start from the teachers does without distillation.

    Raises:
        BalanceError: an argument out of range, or a teacher of another width.

    Example::

        Balancer(model, UMT(), encoders, teachers={"audio": audio_teacher, "video": video_teacher})
    """

    needs: frozenset[str] = frozenset({"features", "teachers"})

    def __init__(
        self, lam: float = 10.0, *, distance: str = "mse", warm_start: bool = False
    ) -> None:
        super().__init__()
        self.lam = require_number("UMT lam", lam, low=0)
        self.distance = require_choice("UMT distance", distance, DISTANCES)
        self.warm_start = require_flag("UMT warm_start", warm_start)
        if lam == 0:
            self.refuse_set("distance", why="with lam=0")

    def on_start(self, modalities: ModalityMap) -> None:
        """Begin at the teachers' weights, where that is asked for."""
        if self.warm_start:
            begins = (self.window.start, self.window.warm_up)
            require(begins == (0, 0), "UMT warm_start acts before the first epoch, so that start "
                    "and warm_up have no meaning", begins)  # fmt: skip
            assert modalities.teachers is not None
            modalities.teachers.start_from()

    def on_loss(self, step: Step) -> Tensor:
        """The objective, and the distances from the teachers."""
        loss = step.objective_loss
        for m, features in step.features.items() if self.lam else ():
            if len(features):
                taught, _ = step.taught(m)
                require_width(m, features, taught)
                loss = loss + self.lam * feature_distance(features, taught, self.distance)
        return loss


def require_width(modality: str, features: Tensor, taught: Tensor) -> None:
    """Refuse a teacher whose features are of another shape. Raises BalanceError."""
    if features.shape != taught.shape:
        raise BalanceError(
            f"The features of {modality!r} are of shape {tuple(features.shape)}, and its teacher "
            f"gives {tuple(taught.shape)}; give a teacher of the same form, whose output is pooled "
            "as the encoder's is."
        )


def feature_distance(features: Tensor, taught: Tensor, distance: str = "mse") -> Tensor:
    """Mean squared distance of features from a teacher's, over rows and features. -> ()

    (N, ...), (N, ...), in single precision at least.

    Args:
        features: with a graph.
        taught: of the teacher.
        distance: "mse", or "normalised" for those of each row brought to length 1.

    Raises:
        BalanceError: not of one shape, or another distance.
    """
    require_tensor("features", features, axes="N,...", floating=True)
    require_tensor("taught", taught, axes="N,...", floating=True)
    same = features.shape == taught.shape
    require(same, "Features and the teacher's must be of one shape", tuple(taught.shape))
    require_choice("distance", distance, DISTANCES)
    own, other = (widened(x).flatten(1) for x in (features, taught))
    if distance == "normalised":
        own, other = functional.normalize(own, dim=1), functional.normalize(other, dim=1)
    return functional.mse_loss(own, other)
