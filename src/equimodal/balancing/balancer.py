"""The balancer: binds a model to a method and runs the method's stages inside any loop."""

import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import Parameter
from torch.optim import Optimizer

from equimodal.balancing.alternation.repeated import repeating
from equimodal.balancing.alternation.turns import Turns
from equimodal.balancing.batches import Batches, planned_batches, require_rows
from equimodal.balancing.binding import release
from equimodal.balancing.collection import Forward, default_forward, predicted
from equimodal.balancing.decisions import Decisions, Log
from equimodal.balancing.epochs.evaluation import epoch_of
from equimodal.balancing.epochs.items import Items
from equimodal.balancing.inspection import Check, coverage, inspect
from equimodal.balancing.loop_watch import LoopWatch
from equimodal.balancing.method import Method, feature_edit
from equimodal.balancing.readouts import Readout
from equimodal.balancing.recorder import Recorder
from equimodal.balancing.requirements import training
from equimodal.balancing.requirements.assembly import assembled
from equimodal.balancing.restart import check_state, saved, take_over
from equimodal.balancing.task import Task
from equimodal.balancing.updates.edits import GradientEdits, UpdateEdits
from equimodal.balancing.updates.merging import detached, merged
from equimodal.balancing.updates.optimizers import listed, warn_if_normalised, watch_steps
from equimodal.balancing.windows import EXPANDED
from equimodal.errors import BalanceError
from equimodal.parts.selection import Encoder
from equimodal.parts.sharding import forget_gathered


class Balancer:
    """Runs ``method`` inside the user's own training loop.

    Args:
        model: any module; wrap it (DDP, Fabric, compile) before or after.
        method: the balancing method.
        encoders: modality -> name of its encoder module, the module, a regular expression over
            parameter names, or an :class:`Encoder` where that does not say enough.
        readout: where unimodal logits come from; required by methods that need them. Of several
            tasks one for each, by name.
        task: what is predicted: ``Classification()`` by default, ``MultiLabel()``,
            ``Regression()`` or ``Tasks({...})``, as far as the method has a meaning for it.
        objective: the loss under the method, ``"fused"`` (the papers') or ``"fused+unimodal"``.
        unimodal_weight: weight of the unimodal losses in ``"fused+unimodal"``.
        loaders: ``{"train": ..., "val": ...}``, for methods that read whole splits; an iterable
            of batches each. Never give it test data.
        forward: ``forward(model, batch) -> (output, target)``, or ``(output, target, present)``
            where modalities are missing; used on ``loaders`` and by :meth:`check`. By default of
            batches ``(*inputs, target)`` and of mappings with ``labels``.
        example: a batch, as :meth:`check` takes it, for a method that trains a network of its own
            and has no loaders: it shows how wide features are, and zeros serve.
        teachers: modality -> a trained encoder, or ``(encoder, head)``, called as the model's own.
        optimizers: needed by ``on="update"``, momentum resets and the warning about Adam; those
            that are made later come by :meth:`attach`, before the first ``loss()``.
        on: what a mask is applied to, ``"gradient"`` or ``"update"``; None: the method's choice.
        epochs: planned number of epochs, for schedules given as a share of training.
        seed: seeds every draw of the method.
        log: called with the method's decisions, ``log({"balance/fraction/audio": 0.7}, step)``,
            outside the step: any logger's own function, such as ``fabric.log_dict``.
        log_every: hand decisions to ``log`` every so many updates; by default at an epoch's end.
        diagnose: record scores, gradient norms and conflicts of every modality each so many
            updates, such as 10, for ``balancer.diagnosis.save(path)`` and ``log``.
        steps: batches of an epoch whose rows the method lists: all, or ``"nominal"``, as joint's.

    Raises:
        BalanceError: something that the method needs is missing, or the model has a balancer.

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
        readout: Readout | Mapping[str, Readout] | None = None,
        *,
        task: Task | None = None,
        objective: str = "fused",
        unimodal_weight: float = 1.0,
        loaders: Mapping[str, Iterable[Any]] | None = None,
        forward: Forward = default_forward,
        example: Any = None,
        teachers: Mapping[str, Any] | None = None,
        optimizers: Optimizer | Sequence[Optimizer] = (),
        on: str | None = None,
        epochs: int | None = None,
        seed: int = 0,
        log: Log | None = None,
        log_every: int | None = None,
        diagnose: int | None = None,
        steps: str = EXPANDED,
    ) -> None:
        optimizers = listed(optimizers)
        self.setting = assembled(
            self, model, method, encoders, readout, task=task, objective=objective,
            unimodal_weight=unimodal_weight, loaders=loaders, forward=forward, example=example,
            teachers=teachers, on=on, epochs=epochs, seed=seed, log=log, log_every=log_every,
            diagnose=diagnose, steps=steps,
        )  # fmt: skip
        modalities, read = self.setting.modalities, self.setting.readout
        self.step_index = self.epoch_index = 0
        self.watch = LoopWatch(method)
        weakref.finalize(self, self.watch.tell_no_end)
        self.diagnosis = Recorder(diagnose, modalities, read, trained=self.setting.reads_unimodal)
        self.decisions = Decisions(
            modalities.names, log=log, every=log_every, measured=self.diagnosis.flush
        )
        self._parameters = training.KnownParameters(method, modalities)
        self._edits = method.edits_gradients()
        self._items, self._turns = Items(self.setting, self._moment), Turns(method, modalities)
        modalities.record.begins = self._turns.starter(self._pass_moment)
        self._edited = UpdateEdits() if self.setting.on == "update" else GradientEdits()
        self._positions: dict[str, tuple[int, int]] = {}
        if method.has_stage("on_features"):
            modalities.record.edit = feature_edit(method, self._pass_moment)
        self.attach(*optimizers)
        training.claim(method)

    def detach(self) -> None:
        """Take the balancer's hooks off the model, which may then get another balancer."""
        release(self, self.setting.modalities)

    def attach(self, *optimizers: Optimizer) -> None:
        """Make optimizers known that were made after the balancer, wrapped or not; known ones are
        left as they are.

        Needed before the first ``loss()`` by ``on="update"`` and by momentum resets.
        """
        known = self.setting.optimizers
        new = [o for o in listed(optimizers) if all(o is not k for k in known)]
        self.setting.optimizers += tuple(new)
        if self.setting.method.counts_updates():
            for optimizer in new:
                watch_steps(optimizer, weakref.WeakMethod(self.watch.saw_step))
        if isinstance(self._edited, UpdateEdits):
            self._edited.follow(new)
        elif self._edits and self.setting.method.normalised:
            warn_if_normalised(self.setting.method, new)

    def parameters(self) -> Iterator[Parameter]:
        """What is trained beside the model, by the method or the readout; nothing for most methods:
        ``SGD([*model.parameters(), *balancer.parameters()])``."""
        return self.setting.networks.parameters()

    # -- the stages ---------------------------------------------------------------------------

    def loss(
        self,
        output: Any,
        target: Tensor | Mapping[str, Any],
        present: Tensor | None = None,
        logits: str | int | None = None,
    ) -> Tensor:
        """The scalar to back-propagate, for one output of the model.

        Args:
            output: what a forward pass of the model gave: (N, C) logits, or anything that holds
                them. Other passes may have come since.
            target: (N,) labels, by name for several tasks, by modality for unpaired batches.
            present: (N, M) bool where modalities are missing in some rows of a paired batch,
                columns in the order of ``encoders``: a modality's own logits, features and score
                are then those of its present rows. Best on the CPU: no device has to wait.
            logits: name or position of the fused logits in ``output``, where that is not usual.

        Without gradients (``torch.no_grad()``) this is the plain loss of what :meth:`predict` gives
        and nothing is recorded, so that a validation loop may use it.
        """
        setting, method, record = self.setting, self.setting.method, self.setting.modalities.record
        if not torch.is_grad_enabled():
            return setting.plain_loss(predicted(setting, output, present, logits), target)
        fused = setting.fused(output, logits)
        training.check_training(method, setting.on, setting.optimizers, setting.epochs)
        setting.networks.require_held(type(method).__name__, setting.optimizers)
        target = setting.read(fused, target)
        present_rows = setting.present_rows(present, target)
        features = record.take_features(output, fused, setting.rows(target))
        setting.networks.follow(features, begins=self.watch.micro_batch == 0)
        made = len(self.decisions.records)
        self._items.saw_loss(target, record.drawn)
        with record.autocast():
            moment = self._pass_moment()
            step = setting.step(moment, fused, target, features, present_rows, self._edited)
            if method.draws(step):
                self.watch.tell_pairing(step.paired)
            loss = method.loss(step)
            measured = self.diagnosis.saw_loss(step)
            if setting.trains_heads:
                loss = loss + torch.stack(list(step.unimodal_losses.values())).sum()
            seen = detached(step, unimodal=setting.reads_unimodal) if self._edits else None
        self.watch.saw_loss(loss, seen, [*self.decisions.records[made:], *measured])
        record.forget_call()
        return loss

    def predict(
        self, output: Any, present: Tensor | None = None, logits: str | int | None = None
    ) -> Tensor:
        """What the trained model predicts: the fused logits in its output, unless the method has a
        rule of its own, as those do that train encoders in turn; then in evaluation alone.
        -> (N, ..., C), of arguments as :meth:`loss` takes them."""
        found = predicted(self.setting, output, present, logits)
        if found is None:
            raise BalanceError("predict() found no fused logits in the output; give paired rows.")
        return found

    @torch.no_grad()
    def before_step(self) -> None:
        """Run the gradient stage. Call it after ``backward()`` (and ``unscale_``), before clipping
        and ``optimizer.step()``, once an update."""
        setting = self.setting
        if not self.watch.pending:
            raise BalanceError(
                "before_step() was called without a loss() since the last one: call "
                "balancer.loss(...) and backward() first."
            )
        micro, untrained = self.watch.given()
        self.decisions.drop(untrained)
        self.diagnosis.drop(untrained)
        self._parameters.check(gradients=micro is not None)
        self._turns.saw_update()
        setting.networks.average()
        self.diagnosis.saw_gradients(self.step_index, self.epoch_index)
        if self._edits and micro:
            self.watch.saw_gradients(setting.modalities.model.parameters())
            step = merged(micro, unimodal=setting.reads_unimodal, features=setting.reads_features)
            self._edited.begin()
            if setting.method.acts(step):
                setting.method.on_gradients(step)
        self.watch.saw_update()
        self.step_index += 1
        self.decisions.saw_update(self.step_index)

    @torch.no_grad()
    def epoch_end(self) -> None:
        """Run the epoch stage, once after the last update of an epoch."""
        self.watch.check_epoch(self.epoch_index, strict=self.setting.method.counts_updates())
        self._turns.end_epoch()
        epoch = epoch_of(self.setting, self._moment())
        if self.setting.method.acts(epoch):
            self.setting.method.on_epoch_end(epoch)
        forget_gathered(self.setting.modalities.model)
        self._items.epoch_end()
        self.decisions.flush()
        self.epoch_index += 1

    def batches(
        self, dataset: Any, *, batch_size: int, start: int = 0, accumulation: int = 1
    ) -> Iterator[tuple[dict[str, Tensor], Tensor | dict[str, Tensor]]]:
        """Batches of one epoch, as the method wants them.

        ``({m: x}, y)``, shuffled from (seed, epoch) or as the method lists the epoch's rows; or,
        for one that draws every modality's own rows, ``({m: x}, {m: y})`` in the numbers that it
        plans: ceil(N / batch_size) times. Under several ranks each reads its own shard.

        Args:
            dataset: items ``({m: x}, label)`` or ``({m: x}, label, index)``; where it has
                ``take(indices)`` and ``take_modality(m, indices)`` these are used instead.
            batch_size: rows of a batch; nominal rows of one modality, n_b.
            start: batches of this epoch that were trained before the loaded state was taken.
            accumulation: batches whose gradients make one update, of matter where a method uses
                each for several: it then gives so many together, again and again.
        """
        require_rows(dataset, batch_size, start)
        self.watch.saw_pass(start)
        done, first = self._turns.place(start, accumulation)
        plan = (self, dataset, batch_size, done, self._positions, self._moment)
        given = planned_batches(*plan, self._items.batches)
        yield from self._turns.each(given, accumulation, first)

    def loader(self, dataset: Any, *, batch_size: int, accumulation: int = 1) -> Batches:
        """:meth:`batches` for every epoch anew, as trainers want them: with a length."""
        return Batches(self, dataset, batch_size, accumulation, self._turns, self._items.count)

    def repeat(self, loader: Iterable[Any], accumulation: int = 1) -> Any:
        """A loader of your own, iterable again and again, whose batches come for as many updates as
        the method uses each; itself where that is one. ``accumulation`` is that of
        :meth:`batches`: a rest of fewer batches is left out."""
        return repeating(self._turns, loader, accumulation)

    def passes(self) -> Iterator[int]:
        """The updates for which the batch at hand is used, where no loader repeats it:
        ``for _ in balancer.passes():`` around forward pass, loss, ``before_step()`` and step."""
        return self._turns.passes()

    def check(self, batch: Any, logits: str | int | None = None) -> Check:
        """Run one batch through ``forward`` and report what was found and what looks wrong.

        Nothing is left behind, in weights, gradients, buffers, random streams and the method. What
        the model's own forward pass raises is raised.

        Args:
            batch: as ``forward(model, batch)`` takes it, such as ``next(iter(loader))``.
            logits: as :meth:`loss` takes it.
        """
        return inspect(self.setting, batch, logits)

    # -- persistence --------------------------------------------------------------------------

    def state_dict(self, *, constants: bool = True) -> dict[str, Any]:
        """All that a restart needs: tensors and plain data, loadable with ``weights_only=True``.

        Args:
            constants: also the large tensors that are fixed from the start (initial weights);
                leave them out where the same model is built again from the same seed.
        """
        counted = {
            "step": self.step_index,
            "epoch": self.epoch_index,
            "streams": {m: list(p) for m, p in self._positions.items()},
            **self._items.state_dict(),
        }
        return saved(self.setting, counted, constants=constants)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue where :meth:`state_dict` was taken.

        Raises:
            BalanceError: another balancer's, or damaged; this one is then as it was.
        """
        check_state(state, self.state_dict(), given=type(self.setting.method))
        take_over(state, self.setting.method, self.setting.networks)
        self.watch.forget_update()
        self.step_index, self.epoch_index = state["step"], state["epoch"]
        self._items.load_state_dict(state)
        self.setting.seed = state["seed"]
        self._positions = {m: (p[0], p[1]) for m, p in state["streams"].items()}

    def __repr__(self) -> str:
        return coverage(self.setting)

    def _pass_moment(self) -> dict[str, Any]:
        return self._moment() | {"micro_batch": self.watch.micro_batch}

    def _moment(self) -> dict[str, Any]:
        return self.setting.moment(self.step_index, self.epoch_index, self.decisions.records)
