"""The balancer: binds a model to a method and runs the method's stages inside any loop."""

import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from equimodal.balancing.batches import Batches, Stream, epoch_batches, unpaired_rows, with_pairs
from equimodal.balancing.binding import bind, release
from equimodal.balancing.collection import Forward, collect_features, default_forward
from equimodal.balancing.decisions import Record, by_step, on_host
from equimodal.balancing.inspection import Check, coverage, inspect
from equimodal.balancing.loop_watch import LoopWatch
from equimodal.balancing.method import Method
from equimodal.balancing.readouts import Readout, logits_of
from equimodal.balancing.recorder import Recorder, readable
from equimodal.balancing.requirements import (
    check_arguments,
    check_features,
    check_modules,
    check_optimizers,
    check_parameters,
    needs_readout,
)
from equimodal.balancing.restart import check_state, plain
from equimodal.balancing.step import Epoch, Plan, Step, merged
from equimodal.balancing.task import Classification, Task
from equimodal.balancing.updates import (
    UpdateScaling,
    bare,
    scale_gradients,
    warn_if_normalised,
    watch_steps,
)
from equimodal.checks import require_number
from equimodal.errors import BalanceError
from equimodal.parts.presence import rows_present
from equimodal.parts.selection import Encoder
from equimodal.parts.sharding import forget_gathered

Log = Callable[[dict[str, float], int], Any]


class Balancer:
    """Runs ``method`` inside the user's own training loop.

    Args:
        model: any module; wrap it (DDP, Fabric, compile) before or after.
        method: the balancing method.
        encoders: modality -> name of its encoder module, the module, a regular expression over
            parameter names, or an :class:`Encoder` where that does not say enough.
        readout: where unimodal logits come from; required by methods that need them.
        task: what is predicted: ``Classification()`` by default, ``MultiLabel()`` or
            ``Regression()``, as far as the method has a meaning for it.
        objective: the loss under the method: ``"fused"`` (the papers' setting) or
            ``"fused+unimodal"``.
        loaders: ``{"train": ..., "val": ...}``, for methods that read whole splits; an iterable
            of batches each. Never give it test data.
        forward: ``forward(model, batch) -> (output, target)``, or ``(output, target, present)``
            where modalities are missing; used on ``loaders`` and by :meth:`check`.
        optimizers: needed by ``on="update"``, momentum resets and the warning about Adam; those
            that are made later come by :meth:`attach`, before the first ``loss()``.
        on: what a mask is applied to: ``"gradient"`` (as released) or the ``"update"``.
        epochs: planned number of epochs, for schedules given as a share of training.
        seed: seeds every draw of the method.
        log: called with the method's decisions, ``log({"balance/fraction/audio": 0.7}, step)``,
            outside the step: any logger's own function, such as ``fabric.log_dict``.
        log_every: hand decisions to ``log`` every so many updates; by default at an epoch's end.
        diagnose: record scores, gradient norms and conflicts of every modality each so many
            updates, such as 10, for :meth:`save_diagnosis` and ``log``.

    Raises:
        BalanceError: something the method needs is missing, or the model has another balancer; the
            message says what to write.

    Example::

        balancer = Balancer(model, AMSS(), {"audio": "audio_net", "video": "video_net"},
                            LinearSplit("fc"))
        loss = balancer.loss(model(audio, video), y)
        loss.backward()
        balancer.before_step()          # after unscale_, before clipping
        optimizer.step(); optimizer.zero_grad()
    """

    def __init__(
        self,
        model: nn.Module,
        method: Method,
        encoders: Mapping[str, str | nn.Module | Encoder],
        readout: Readout | None = None,
        *,
        task: Task | None = None,
        objective: str = "fused",
        loaders: Mapping[str, Iterable[Any]] | None = None,
        forward: Forward = default_forward,
        optimizers: Sequence[Optimizer] = (),
        on: str = "gradient",
        epochs: int | None = None,
        seed: int = 0,
        log: Log | None = None,
        log_every: int | None = None,
        diagnose: int | None = None,
    ) -> None:
        self.method = method
        self.readout = readout
        self.task = task or Classification()
        self.objective = method.objective or objective
        self.loaders = dict(loaders or {})
        self.forward = forward
        self.optimizers: tuple[Optimizer, ...] = ()
        self.on = on
        self.epochs = epochs
        self.seed = seed
        self.log = log
        self.log_every = log_every
        self.step_index = 0
        self.epoch_index = 0
        check_arguments(
            method,
            task=self.task,
            objective=self.objective,
            on=on,
            readout=readout,
            loaders=self.loaders,
        )
        if log_every is not None:
            require_number("log_every", log_every, low=1, whole=True)
        if diagnose is not None:
            require_number("diagnose", diagnose, low=1, whole=True)
        self.modalities = bind(self, model, encoders)
        try:
            check_modules(method, self.modalities)
            method.on_start(self.modalities)
        except BalanceError:
            self.detach()  # the error keeps this one alive, and the corrected one needs the model
            raise
        self._reads_unimodal = needs_readout(method, self.objective)
        self._trains_unimodal = self.objective != "fused"
        self._checked = False
        self._edits = method.edits_gradients()
        self._scaling = UpdateScaling()
        self._apply = self._scaling.hold if on == "update" else scale_gradients
        self._micro: list[Step] = []
        self._waiting = 0
        self._records: list[Record] = []
        self._finished: list[dict[str, Any]] = []
        self._positions: dict[str, tuple[int, int]] = {}
        self._watch = LoopWatch(type(method).__name__)
        scores = readable(readout, trained=self._reads_unimodal)
        self._recorder = Recorder(diagnose, self.modalities, scores=scores)
        self._attach(optimizers)

    def detach(self) -> None:
        """Take the balancer's hooks off the model, which may then get another balancer."""
        release(self, self.modalities)

    def attach(self, *optimizers: Optimizer) -> None:
        """Make optimizers known that were made after the balancer, wrapped or not; known ones are
        left as they are.

        Needed before the first ``loss()`` by ``on="update"`` and by momentum resets.
        """
        self._attach(optimizers)

    def _attach(self, optimizers: Sequence[Optimizer]) -> None:
        given = dict.fromkeys(map(bare, optimizers))
        new = [o for o in given if not any(o is known for known in self.optimizers)]
        self.optimizers += tuple(new)
        if self._edits:
            for optimizer in new:
                watch_steps(optimizer, weakref.WeakMethod(self._stepping))
        if self.on == "update":
            self._scaling.follow(new)
        elif self._edits:
            warn_if_normalised(self.method, new)

    def _stepping(self) -> None:
        self._watch.saw_step(self.pending)

    # -- the stages ---------------------------------------------------------------------------

    def loss(
        self,
        output: Any,
        target: Tensor | Mapping[str, Tensor],
        present: Tensor | None = None,
    ) -> Tensor:
        """The scalar to back-propagate, for the model's latest output.

        Args:
            output: the model's output: (N, C) logits, or anything that holds them.
            target: (N,) labels, or one tensor a modality where the batches are unpaired.
            present: (N, M) bool where modalities are missing in some rows of a paired batch,
                columns in the order of ``encoders``: a modality's own logits, features and score
                are then those of its present rows. Best on the CPU: no device has to wait.

        Without gradients (``torch.no_grad()``) this is the plain fused loss and nothing is
        recorded, so that a validation loop may use it.
        """
        logits = logits_of(output)
        features = self.modalities.take_features()
        if not torch.is_grad_enabled():
            return self._plain_loss(logits, target)
        check_optimizers(self.method, self.on, self.optimizers)
        with self.modalities.record.autocast():
            step = self._step(logits, target, features, present)
            if self.method.unpaired:
                self._watch.tell_pairing(step.paired)
            loss = self.method.on_loss(step)
            self._recorder.saw_loss(step)
            if isinstance(self.readout, nn.Module) and self._reads_unimodal:
                loss = loss + torch.stack(list(step.unimodal_losses.values())).sum()
            if self._edits:
                self._micro.append(step.detached(unimodal=self._reads_unimodal))
        self._waiting += 1
        self._watch.saw_loss(loss.detach())
        self.modalities.record.forget_call()
        return loss

    @torch.no_grad()
    def before_step(self) -> None:
        """Run the gradient stage. Call it after ``backward()`` (and ``unscale_``), before clipping
        and ``optimizer.step()``, once an update."""
        if not self._waiting:
            raise BalanceError(
                "before_step() was called without a loss() since the last one: call "
                "balancer.loss(...) and backward() first."
            )
        if not self._checked:
            check_parameters(self.modalities, gradients=self._edits)
            self._checked = True
        self._recorder.saw_gradients(self.step_index, self.epoch_index)
        if self._edits:
            self._watch.saw_gradients(self.modalities.model.parameters())
            self.method.on_gradients(merged(self._micro, unimodal=self._reads_unimodal))
            self._micro = []
        self._waiting = 0
        self._watch.saw_update()
        self.step_index += 1
        if self.log_every and self.step_index % self.log_every == 0:
            self.flush()

    def host_clips_first(self) -> None:
        """Say that the host clips gradients before it lets them be balanced, and knows it."""
        self._watch.clips_first = True

    @property
    def pending(self) -> bool:
        """Whether a ``loss()`` waits for its ``before_step()``."""
        return bool(self._waiting)

    @torch.no_grad()
    def epoch_end(self) -> None:
        """Run the epoch stage, once after the last update of an epoch."""
        self._watch.check_epoch(self.epoch_index, strict=self._edits)
        epoch = Epoch(
            **self._moment(), total=self.epochs, optimizers=self.optimizers,
            collect=lambda split: collect_features(
                self.modalities, self.loaders[split], self.forward
            ),
        )  # fmt: skip
        self.method.on_epoch_end(epoch)
        forget_gathered(self.modalities.model)
        self.flush()
        self.epoch_index += 1

    def flush(self) -> None:
        """Hand the decisions so far to ``log``; :meth:`epoch_end` does it by itself."""
        rows = on_host(self._records, self.modalities.names)
        self._records.clear()
        self._finished += rows
        measured = self._recorder.flush()
        if self.log:
            for step, values in by_step(rows + measured):
                self.log(values, step)

    def batches(
        self, dataset: Any, *, batch_size: int, start: int = 0
    ) -> Iterator[tuple[dict[str, Tensor], Tensor | dict[str, Tensor]]]:
        """Batches of one epoch, as the method wants them.

        ``({m: x}, y)``, shuffled from (seed, epoch); or, for a method that draws every modality's
        own rows, ``({m: x}, {m: y})`` in the numbers that it plans: ceil(N / batch_size) times.
        Under several ranks each reads its own shard.

        Args:
            dataset: items ``({m: x}, label)`` or ``({m: x}, label, index)``; where it has
                ``take(indices)`` and ``take_modality(m, indices)`` these are used instead.
            batch_size: rows of a batch; nominal rows of one modality, n_b.
            start: batches of this epoch that were trained before the loaded state was taken.
        """
        require_number("batch_size", batch_size, low=1, whole=True)
        paired = epoch_batches(
            dataset, batch_size, seed=self.seed, epoch=self.epoch_index, start=start
        )
        if not self.method.unpaired:
            yield from paired
            return
        first = (0, 0)
        streams = {
            m: Stream(len(dataset), seed=self.seed, name=m, position=self._positions.get(m, first))
            for m in self.modalities.names
        }
        for _ in range(start, len(self.loader(dataset, batch_size=batch_size))):
            plan = Plan(**self._moment(), batch_size=batch_size)
            inputs, targets = unpaired_rows(dataset, streams, self.method.on_plan(plan))
            self._positions = {m: s.position for m, s in streams.items()}
            if self.method.keeps_pairs:
                inputs, targets = with_pairs(next(paired), inputs, targets)
            yield inputs, targets

    def loader(self, dataset: Any, *, batch_size: int) -> Batches:
        """:meth:`batches` for every epoch anew, as trainers want them: with a length."""
        return Batches(self, dataset, batch_size)

    def check(self, batch: Any) -> Check:
        """Run one batch through ``forward`` and report what was found and what looks wrong.

        Nothing is left behind: weights, gradients, buffers, random streams and the method are as
        they were. Raises what the model's own forward pass raises.

        Args:
            batch: as ``forward(model, batch)`` takes it.

        Example::

            print(balancer.check(next(iter(loader))))
        """
        return inspect(self, batch)

    def dry_step(self, batch: Any) -> Step:
        """The step of one batch, which no method has seen."""
        self.modalities.take_features()
        output, target, *present = self.forward(self.modalities.model, batch)
        features = self.modalities.take_features()
        return self._step(logits_of(output), target, features, *present or [None])

    # -- persistence --------------------------------------------------------------------------

    def state_dict(self, *, constants: bool = True) -> dict[str, Any]:
        """All that a restart needs: tensors and plain data, loadable with ``weights_only=True``.

        Args:
            constants: also the large tensors that are fixed from the start (initial weights);
                leave them out where the same model is built again from the same seed.
        """
        readout = self.readout.state_dict() if isinstance(self.readout, nn.Module) else None
        return {
            "format": 1,
            "step": self.step_index,
            "epoch": self.epoch_index,
            "seed": self.seed,
            "method": type(self.method).__name__,
            "config": plain(self.method.config()),
            "modalities": list(self.modalities.names),
            "objective": self.objective,
            "on": self.on,
            "streams": {m: list(p) for m, p in self._positions.items()},
            "state": self.method.state_dict(),
            "constants": self.method.constants if constants else None,
            "readout": readout,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue where :meth:`state_dict` was taken.

        Raises:
            BalanceError: written by another method, other arguments or other modalities.
        """
        check_state(state, self.state_dict())
        self._micro, self._waiting = [], 0
        self.step_index, self.epoch_index = state["step"], state["epoch"]
        self.seed = state["seed"]
        self._positions = {m: (p[0], p[1]) for m, p in state["streams"].items()}
        self.method.load_state_dict(state["state"])
        if state["constants"] is not None:
            self.method.constants = dict(state["constants"])
        if isinstance(self.readout, nn.Module) and state["readout"] is not None:
            self.readout.load_state_dict(state["readout"])

    # -- what was decided ---------------------------------------------------------------------

    @property
    def acted(self) -> bool:
        """Whether the method has changed anything so far."""
        return self.method.acted

    @property
    def note(self) -> str:
        """What a reader of the results must know of this run; empty if nothing."""
        return self.method.note

    def drain_records(self) -> list[dict[str, Any]]:
        """Decisions of all finished epochs since the last call:
        ``{"step", "epoch", "name", "values": {m: float}}``, None for a value that is not finite."""
        drained, self._finished = self._finished, []
        return drained

    def drain_diagnosis(self) -> list[dict[str, Any]]:
        """What ``diagnose`` recorded since the last call, in the form of :meth:`drain_records`."""
        return self._recorder.drain()

    def save_diagnosis(self, path: str | Path) -> None:
        """Write what ``diagnose`` recorded up to the last flush, for `equimodal diagnose PATH`.

        A file that an earlier part of the same training wrote is continued.

        Raises:
            BalanceError: nothing was recorded, or the file cannot be written.
        """
        self._recorder.save(path, self.readout)

    def __repr__(self) -> str:
        return coverage(self)

    # -- inside -------------------------------------------------------------------------------

    def _moment(self) -> dict[str, Any]:
        return {
            "index": self.step_index, "epoch_index": self.epoch_index,
            "modalities": self.modalities, "seed": self.seed, "records": self._records,
        }  # fmt: skip

    def _step(
        self,
        logits: Tensor | None,
        target: Tensor | Mapping[str, Tensor],
        features: dict[str, Tensor],
        present: Tensor | None,
    ) -> Step:
        labels = target if isinstance(target, Tensor) else None
        if present is not None and labels is None:
            raise BalanceError("present belongs to a paired batch; found labels by modality.")
        rows = None if labels is None else rows_present(present, len(labels), self.modalities.names)
        check_features(features, self.modalities, rows, trained=self._trains_unimodal)
        targets = self._targets(target, rows)
        if logits is not None and labels is not None:
            self.task.check(logits, labels)
        if logits is not None and rows is None and self.readout:
            self.readout.check(self.modalities, features, logits)
        return Step(
            **self._moment(), task=self.task, objective=self.objective, targets=targets, rows=rows,
            target=labels, logits=None if labels is None else logits, outputs=features,
            readout=self.readout, apply=self._apply,
        )  # fmt: skip

    def _targets(
        self, target: Tensor | Mapping[str, Tensor], rows: Mapping[str, Tensor] | None
    ) -> dict[str, Tensor]:
        names = self.modalities.names
        if isinstance(target, Tensor):
            if rows is None:
                return dict.fromkeys(names, target)
            return {m: target[rows[m].to(target.device)] for m in names}
        if not self.method.unpaired:
            raise BalanceError(
                f"{type(self.method).__name__} needs paired batches with one label tensor; found "
                "labels by modality. Use DUS, or iterate over balancer.batches(...)."
            )
        if set(target) != set(names):
            raise BalanceError(
                f"Labels by modality must name {list(names)}; found {sorted(target)}."
            )
        return {m: target[m] for m in names}

    def _plain_loss(self, logits: Tensor | None, target: Tensor | Mapping[str, Tensor]) -> Tensor:
        if logits is None or not isinstance(target, Tensor):
            raise BalanceError(
                "Without gradients loss() is the plain fused loss and needs fused logits and one "
                "label tensor; found an unpaired batch. Validate on paired batches."
            )
        self.task.check(logits, target)
        return self.task.loss(logits, target)
