"""What can be known only once a method is bound and its training runs."""

from collections.abc import Collection, Mapping

from torch import Tensor

from equimodal.balancing.method import Method
from equimodal.errors import BalanceError
from equimodal.parts.modalities import ModalityMap

_USED = "_balanced"
_NO_GRADIENT = (
    "before_step() found no gradient in any encoder: call it after loss.backward() and before "
    "optimizer.zero_grad()."
)


def refuse_used(method: Method) -> None:
    """Refuse a method that another balancer was made with. Raises BalanceError."""
    for part in (method, *getattr(method, "parts", ())):
        if part.__dict__.get(_USED):
            raise BalanceError(
                f"This {type(part).__name__} was given to another balancer and keeps what it "
                f"learned there: make a new one for every balancer, {part!r}; where a training "
                "goes on, load_state_dict(...) of the new balancer takes the state over."
            )


def claim(method: Method) -> None:
    """A balancer was made with the method, which serves no other one."""
    for part in (method, *getattr(method, "parts", ())):
        part.__dict__[_USED] = True


def check_training(
    method: Method, on: str, optimizers: Collection[object], epochs: int | None
) -> None:
    """Refuse the first loss without what the method needs and may get after it was made: the
    planned epochs, and optimizers. Raises BalanceError."""
    if "epochs" in method.needs and epochs is None:
        raise BalanceError(
            f"{type(method).__name__} acts at shares of the training, and how long it is is not "
            "known: pass epochs=... to Balancer, or leave out what is a share of it (start, end, "
            "warm_up, at)."
        )
    if optimizers or not (on == "update" or "optimizers" in method.needs):
        return
    name = type(method).__name__
    reason = (
        f"on='update' applies the decisions of {name} to the optimizer's update"
        if on == "update"
        else f"{name} resets the state of an optimizer"
    )
    raise BalanceError(
        f"{reason}; found no optimizer. Pass optimizers=[...], or call balancer.attach(optimizer) "
        "where it is made later."
    )


class KnownParameters:
    """The parameters that the encoders had when the balancer was made.

    Args:
        method: the method; what it does not touch may come and go.
        modalities: the encoders.
    """

    def __init__(self, method: Method, modalities: ModalityMap) -> None:
        self._modalities = modalities
        self._edits, self._turns = method.edits_gradients(), method.has_stage("turn")
        self._acts = self._edits or method.has_stage("on_epoch_end")
        self._seen: tuple[int, ...] = ()

    def check(self, *, gradients: bool) -> None:
        """Refuse parameters that were replaced or put in since, or that have no ``gradients``
        where a method edits them. Raises BalanceError."""
        if self._edits and not gradients:
            raise BalanceError(_NO_GRADIENT)
        now = self._modalities.held()
        if now == self._seen:
            return
        self._refuse_replaced()
        late = self._modalities.late() if self._acts else {}
        if late:
            m, name = next(iter(late.items()))
            raise BalanceError(
                f"The encoder of {m!r} has trained parameters that were put in after the balancer "
                f"was made, such as {name!r}, which the method does not know: put adapters and "
                "other layers in first and make the balancer afterwards; call detach() on this one."
            )
        if self._edits and not self._turns and not self._seen and not self._any_gradient():
            raise BalanceError(_NO_GRADIENT)
        self._seen = now

    def _refuse_replaced(self) -> None:
        gone = self._modalities.replaced()
        if gone:
            raise BalanceError(
                f"{len(gone)} parameters of the encoders, such as {gone[0]!r}, were replaced after "
                "the balancer was made, as fully_shard() does: make the balancer afterwards. Where "
                "it was, let the model's forward return the features whose losses are trained, so "
                "that FSDP2 sees the backward pass."
            )

    def _any_gradient(self) -> bool:
        modalities = self._modalities
        own = (p for m in modalities.names for p in modalities.parameters(m).values())
        return any(p.grad is not None for p in own)


def check_features(
    features: Mapping[str, Tensor],
    modalities: ModalityMap,
    rows: Mapping[str, Tensor] | None,
    *,
    trained: bool,
) -> None:
    """Refuse a loss without a forward pass through every encoder. Raises BalanceError.

    ``trained``: unimodal losses must reach the encoders through their features.
    """
    for m, module in modalities.modules.items():
        if module is None or (rows is not None and not len(rows[m])):
            continue
        if m not in features:
            if modalities.record.copies_ran:
                raise BalanceError(
                    "Copies of the model's modules ran, as nn.DataParallel makes them, and the "
                    "balancer does not see their features; use DistributedDataParallel, one "
                    "process a GPU, and give loss() outputs of the balancer's own model."
                )
            if modalities.record.ran_without_gradient(m):
                raise BalanceError(_no_gradient(m))
            raise BalanceError(
                f"No forward pass through the encoder of {m!r} since the last loss(): call "
                "model(...) before every loss(), give loss() what the model gave, and tell "
                "missing modalities by loss(..., present=...)."
            )
        if trained and not features[m].requires_grad and modalities.trained(m):
            raise BalanceError(_no_gradient(m))


def _no_gradient(modality: str) -> str:
    return (
        f"The features of {modality!r} carry no gradient, so that its own loss cannot reach its "
        "encoder: found an encoder that runs without gradient. Remove torch.no_grad() "
        "or .detach(), or write checkpoint(..., use_reentrant=False)."
    )
