"""Unimodal logits that the model computes by itself."""

from collections.abc import Mapping

from torch import Tensor

from equimodal.balancing.readouts.readout import Readout, named_logits, required_logits
from equimodal.balancing.readouts.separation import changed, traced
from equimodal.errors import BalanceError, quoted
from equimodal.parts.modalities import ModalityMap
from equimodal.parts.recording.graph import leads_to


class OutputLogits(Readout):
    """The model's own unimodal logits, from its output: late and gated fusion, deep supervision.

    On the first batch the layers after the encoders run again with noise on one modality's features
    at a time, in evaluation mode: logits that another modality changes are refused.

    Args:
        names: modality -> name or position of its logits, (N, C) as the fused ones, in the output.

    Raises:
        BalanceError: a name is missing in the output, or its logits are not of that modality alone.

    Example::

        balancer = Balancer(model, AMSS(), encoders, OutputLogits({"audio": "audio_logits",
                                                                   "video": "video_logits"}))
    """

    def __init__(self, names: Mapping[str, str | int]) -> None:
        whole = isinstance(names, Mapping) and len(names) > 0
        kinds = [type(x) for x in names.values()] if whole else []
        if not whole or not all(kind in (str, int) for kind in kinds):
            raise BalanceError(
                "OutputLogits takes the name of each modality's logits in the output, such as "
                f"{{'audio': 'audio_logits', 'video': 'video_logits'}}; found {quoted(names)}."
            )
        self.names = dict(names)
        self._checked = self._reached = False

    @property
    def title(self) -> str:
        """With its names."""
        return f"OutputLogits({self.names!r})"

    def __call__(self, modalities: ModalityMap, features: dict[str, Tensor]) -> dict[str, Tensor]:
        """Unimodal logits of the output whose features were taken last. -> {m: (N, C)}"""
        if set(self.names) != set(modalities.names):
            raise BalanceError(
                f"OutputLogits must name the logits of each of {list(modalities.names)}; found "
                f"{sorted(self.names)}."
            )
        return self._found(modalities, modalities.record.output)

    def check(self, modalities: ModalityMap, features: dict[str, Tensor], logits: Tensor) -> None:
        """Refuse another shape and, on the first batch, logits of other modalities."""
        for m, z in self(modalities, features).items():
            if z.shape != logits.shape:
                raise BalanceError(
                    f"{self.title}: the logits of {m!r} are {tuple(z.shape)}, and the fused ones "
                    f"{tuple(logits.shape)}. Name logits of the same samples and classes; one "
                    "logit is a column, output[:, None]."
                )
        if not self._checked:
            self._check_alone(modalities)
            self._checked = True

    def check_trained(self, modalities: ModalityMap, features: dict[str, Tensor]) -> None:
        """On the first batch, refuse logits of features that were cut from the graph."""
        if self._reached:
            return
        for m, z in self(modalities, features).items():
            if m in features and features[m].requires_grad and not leads_to(z, features[m]):
                raise BalanceError(
                    f"{self.title}: the loss of {self.names[m]!r} does not reach the encoder of "
                    f"{m!r}, as behind .detach(): name logits that carry its gradient, or use a "
                    "method and an objective without unimodal losses."
                )
        self._reached = True

    def _found(self, modalities: ModalityMap, output: object) -> dict[str, Tensor]:
        if isinstance(output, Tensor):
            asked = ", ".join(f"{name!r}: ..." for name in self.names.values())
            raise BalanceError(
                f"{self.title}: the output is one tensor, which holds no logits of a modality. Let "
                f"the model return them, {{'logits': ..., {asked}}}, and give loss() what it "
                "returned; or use LinearSplit(...) or Ablation('zero')."
            )
        return {
            m: required_logits(named_logits(output, self.names[m], f"OutputLogits({{{m!r}: ...}})"))
            for m in modalities.names
        }

    def _check_alone(self, modalities: ModalityMap) -> None:
        runs = {
            m: self._found(modalities, traced(modalities, m, {})[0])
            for m in (None, *modalities.names)
        }
        for m in modalities.names:
            sources = [
                n for n in modalities.names if bool(changed(runs[None][m], runs[n][m]).any())
            ]
            strange = [n for n in sources if n != m]
            if strange:
                raise BalanceError(
                    f"{self.title}: {self.names[m]!r} of {m!r} is also made of the features of "
                    f"{strange}. Name logits of {m!r} alone, or use Ablation('zero')."
                )
            if not sources and modalities.modules[m] is not None:
                raise BalanceError(
                    f"{self.title}: {self.names[m]!r} is not made of the features of {m!r}. Name "
                    "the logits, and the encoder, that belong together."
                )
