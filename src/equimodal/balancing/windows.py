"""When a method acts: the share of the planned training in which its stages run, and the steps of
an epoch whose rows it lists."""

from dataclasses import dataclass

from equimodal.checks import require, require_number

EXPANDED, NOMINAL = STEPS = ("expanded", "nominal")
"""Steps of an epoch whose rows a method lists: all that these make, or as many as of all rows."""
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Window:
    """The share of the planned epochs in which a method acts; outside it the base objective is
    trained. Whole epochs: one belongs where it begins.

    Args:
        start: share of the training before the method acts, in [0, 1).
        end: share of the training after which it acts no more, in (0, 1].
        warm_up: share at the beginning that is trained on the method's warm-up loss, which is the
            base objective where it has none of its own, in [0, 1).

    Raises:
        BalanceError: a share out of range, or a method that never acts.
    """

    start: float = 0.0
    end: float = 1.0
    warm_up: float = 0.0

    def __post_init__(self) -> None:
        for name in ("start", "end", "warm_up"):
            require_number(f"{name}, a share of the training,", getattr(self, name), low=0, high=1)
        rule = "The method must act somewhere: start and warm_up must be below end"
        found = (self.start, self.warm_up, self.end)
        require(max(self.start, self.warm_up) < self.end, rule, found)

    @property
    def needs_epochs(self) -> bool:
        """Whether it is only a part of the training, so that its length must be known."""
        return (self.start, self.end, self.warm_up) != (0, 1, 0)

    def warms_up(self, epoch: int, epochs: int | None) -> bool:
        """Whether an epoch, counted from 0, belongs to the warm-up."""
        return bool(self.warm_up) and _share(epoch, epochs) < self.warm_up - _ROUNDING

    def holds(self, epoch: int, epochs: int | None) -> bool:
        """Whether the method acts in an epoch, counted from 0."""
        if not self.needs_epochs:
            return True
        share = _share(epoch, epochs)
        begun = share >= max(self.start, self.warm_up) - _ROUNDING
        return begun and (self.end == 1 or share < self.end - _ROUNDING)


def _share(epoch: int, epochs: int | None) -> float:
    """Share of the training before an epoch."""
    require(epochs is not None, "The planned epochs must be known: pass epochs=... to Balancer",
            epochs)  # fmt: skip
    assert epochs is not None
    return epoch / epochs
