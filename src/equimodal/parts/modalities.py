"""Which parameters, units and features of a model belong to which modality."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn
from torch.nn import Module, Parameter

from equimodal.errors import BalanceError
from equimodal.parts.forward_record import ForwardRecord
from equimodal.parts.gradients import Room
from equimodal.parts.normalisation import BATCH_NORM
from equimodal.parts.recording.held import Held
from equimodal.parts.selection import Encoder, Parts, as_encoder
from equimodal.parts.units import Units, find_units

if TYPE_CHECKING:
    from equimodal.balancing.networks.teachers import Teachers

PARAMETERS = ("weights", "conv", "all")
"""Of an encoder: weights that have units, those of convolutions alone, or everything."""
_WRAPPERS = {
    "_FabricModule": "_forward_module",
    "DistributedDataParallel": "module",
    "DataParallel": "module",
    "OptimizedModule": "_orig_mod",
}


def unwrap(model: nn.Module) -> nn.Module:
    """The user's own module inside the wrappers of Fabric, DDP and ``torch.compile``."""
    kind = type(model).__name__
    if kind == "FullyShardedDataParallel":
        raise BalanceError(
            "FullyShardedDataParallel flattens parameters, so that units cannot be told apart; use "
            "torch.distributed.fsdp.fully_shard(model) and make the balancer afterwards."
        )
    devices: list[Any] = getattr(model, "device_ids", []) if kind == "DataParallel" else []
    if len(devices) > 1:
        raise BalanceError(
            f"nn.DataParallel over {len(devices)} GPUs runs copies of the model, whose features "
            "the balancer does not see; use DistributedDataParallel, one process a GPU: torchrun "
            f"--nproc-per-node {len(devices)} train.py."
        )
    return unwrap(model.get_submodule(_WRAPPERS[kind])) if kind in _WRAPPERS else model


class ModalityMap:
    """The parts of ``model`` by modality, and the features of its forward passes.

    Args:
        model: any module, wrapped or not.
        encoders: modality -> name of its encoder module, the module itself, a regular expression
            over parameter names where a modality has no module of its own, or an
            :class:`~equimodal.parts.selection.Encoder`.

    Raises:
        BalanceError: fewer than two modalities, no match, or a parameter that two modalities
            select by the same name.
    """

    def __init__(self, model: nn.Module, encoders: Mapping[str, str | nn.Module | Encoder]) -> None:
        self.model = unwrap(model)
        if len(encoders) < 2:
            raise BalanceError(
                f"Balancing needs at least two modalities; found {list(encoders)}. "
                "Write encoders={'audio': 'audio_net', 'video': 'video_net'}."
            )
        self.names = tuple(encoders)
        self.encoders = {m: as_encoder(given) for m, given in encoders.items()}
        self._parts = Parts(self.model, self.encoders)
        self.modules, self.patterns = self._parts.modules, self._parts.patterns
        self.record = ForwardRecord(self.model, self.modules, self.encoders)
        self._parameters_now = Held(self.model)
        self.room = Room()
        """For vectors as long as an encoder's gradient."""
        self._selected: dict[tuple[str, str], list[Parameter]] = {}
        self.teachers: Teachers | None = None
        """Frozen encoders that were trained before, where a method learns from them."""

    @property
    def shared(self) -> list[str]:
        """Names of parameters that several modalities use, which belong to none."""
        return list(self._parts.shared.values())

    def parameters(self, modality: str) -> dict[str, Parameter]:
        """Name -> parameter of one modality's encoder."""
        return self._parts.parameters[modality]

    def units(self, modality: str, *, trained: bool = True) -> list[Units]:
        """Units all of whose parameters belong to ``modality``, by default those it trains."""
        mine = {p for p in self.parameters(modality).values() if p.requires_grad or not trained}
        return [u for u in find_units(self.model) if all(p.parameter in mine for p in u.parts)]

    def learning(self, modality: str, parameters: str = "all") -> list[Parameter]:
        """Parameters of a modality's encoder that have a gradient: one of `PARAMETERS`."""
        key = modality, parameters
        if key not in self._selected:
            self._selected[key] = self.selected(modality, parameters)
        return [p for p in self._selected[key] if p.grad is not None]

    def selected(self, modality: str, parameters: str) -> list[Parameter]:
        """Parameters of a modality's encoder, frozen ones too: one of `PARAMETERS`."""
        if parameters == "all":
            return list(self.parameters(modality).values())
        layers = self.units(modality, trained=False)
        weights = dict.fromkeys(p.parameter for layer in layers for p in layer.parts)
        # Of all layers with units only convolutions have weights of more than two axes.
        return [w for w in weights if parameters == "weights" or w.ndim > 2]

    def trained(self, modality: str) -> bool:
        """Whether any parameter of the modality's encoder is trained, shared ones included."""
        own = [*self.parameters(modality).values(), *self._parts.shared]
        return any(p.requires_grad for p in own)

    def has_batch_norm(self) -> bool:
        """Whether an encoder normalises over the batch, so that a batch of one row fails."""
        return any(isinstance(x, BATCH_NORM) for m in self.names for x in self.inside(m))

    def inside(self, modality: str) -> set[Module]:
        """The modules that are parts of a modality's encoder, or in them."""
        return self._parts.inside[modality]

    def replaced(self) -> list[str]:
        """Names of parameters that are no longer the model's own, as after ``fully_shard``."""
        now = {id(p) for p in self.model.parameters()}
        return [n for m in self.names for n, p in self.parameters(m).items() if id(p) not in now]

    def held(self) -> tuple[int, ...]:
        """What the model's parameters are now: another value once any was put in or taken out."""
        return self._parameters_now.held()

    def late(self) -> dict[str, str]:
        """Modality -> name of a trained parameter that its encoder has got since."""
        now = Parts(self.model, self.encoders)
        known = {*self._parts.shared, *(p for m in self.names for p in self.parameters(m).values())}
        found = {}
        for m in self.names:
            new = [n for n, p in now.parameters[m].items() if p not in known and p.requires_grad]
            if new:
                found[m] = new[0]
        return found

    def last_call(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Arguments of the pass whose features were taken last, or of the latest."""
        return self.record.last_call()

    def rerun(self, features: Mapping[str, Tensor], *, training: bool = False) -> Any:
        """The model's output for its latest inputs with every encoder's output replaced, in
        evaluation mode or, ``training``, in the mode that it is in."""
        return self.record.rerun(features, training=training)

    def call_quietly(self, *args: Any, **kwargs: Any) -> Any:
        """One forward pass in evaluation mode that leaves no trace in the recorded features."""
        return self.record.call_quietly(*args, **kwargs)
