"""The main job: train every row of a plan, and sum up who wins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from equimodal.comparison.engines.crews import Workplace
from equimodal.comparison.execution import LOCAL, Execution, arranged, check_device_name
from equimodal.comparison.experiment import Experiment
from equimodal.comparison.folder import check_new, check_runs, claim
from equimodal.comparison.plan import Plan, check_request, loadable, make_plan
from equimodal.comparison.results import collect, is_over
from equimodal.comparison.written_plan import write_plan
from equimodal.errors import BalanceError, check_all
from equimodal.experiments.left_model import leave_model
from equimodal.storage.files import make_folder, write_json
from equimodal.storage.locks import locked


def compare(
    data: str = "keypad",
    *,
    data_root: str | Path | None = None,
    methods: Sequence[str] | str | None = None,
    seeds: int | Sequence[int] = 3,
    epochs: int | None = None,
    objective: str = "fused",
    lr: float | Sequence[float] | None = None,
    batch_size: int | None = None,
    optimizer: str = "sgd",
    device: str = "cpu",
    settings: Mapping[str, object] | None = None,
    encoders: Mapping[str, str] | None = None,
    fusion: str = "concat",
    jobs: int | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    progress: bool = True,
    cache: str | Path | None = None,
    schedule: str = "cosine",
    steps: str = "expanded",
    here: bool = False,
    engine: str = "local",
    address: str | None = None,
    cpus_per_run: float | None = None,
    gpus_per_run: float | None = None,
) -> dict[str, Any]:
    """Train every row with the same budget, seeds and data, and sum up who wins.

    Runs are trained in parallel processes of one thread each, so the numbers do not depend on
    their count. Each run is a folder of its own, so a comparison that is killed at any moment and
    repeated with ``resume`` ends with the same numbers. Writes results.json, report.html, and the
    model of the row and seed that did best on validation into the folder ``model``, see
    `equimodal.load`.

    Args:
        data: name of the data set, see `equimodal.data.names`, or the path of a table of your own.
        data_root: folder with the data set's own files, where it needs them; of a table, the
            folder that its paths start from.
        methods: rows; ``alone:*`` stands for one row a modality, ``"field"`` for every row. None:
            the rows that `equimodal methods` does not mark "field".
        seeds: how many, or which. A seed fixes pairs, split, initial weights and order.
        epochs: passes over the training data. None: the data set's.
        objective: loss under a method that brings none, ``fused`` or ``fused+unimodal``.
        lr: learning rate; of several, each row keeps the one best on validation. None: the data
            set's.
        batch_size: samples of a step. None: the data set's.
        optimizer: ``sgd`` (momentum 0.9), ``adam`` or ``adamw``, weight decay 1e-4; others by
            ``settings``, such as ``{"sgd.momentum": 0.0, "sgd.weight_decay": 5e-4}`` and
            ``{"adam.betas": (0.9, 0.99)}``.
        device: ``cpu``, ``cuda``, ``cuda:<index>``, or ``cuda:all`` for runs on every card at a
            time.
        settings: ``{"amss.tau": 0.2, "keypad.snr": 5}``; ``<method>.on`` is the balancer's.
        encoders: ``{"image": "resnet18"}``, see docs/models.md. None: the small one of each kind;
            ``resnet18`` for pictures of more than 64 pixels a side, ``conv1d`` for long sequences.
        fusion: ``concat``, ``sum``, ``cosine``, ``film``, ``gated`` or ``attention``; a method may
            bring its own.
        jobs: runs at a time. None: one a processor, or one a card.
        out: folder of the results. None: ``results/<data>``, of a table its name without suffix.
        resume: continue what is in that folder instead of refusing it.
        progress: show how far it is, on the error stream.
        cache: folder of the decoded samples of a table. None: in the user's cache.
        schedule: learning rate over the training: ``cosine`` (to zero, at every step),
            ``constant``, ``step:60:0.1`` (times 0.1 every 60 epochs) or ``multistep:80,90:0.1``
            (times 0.1 from epoch 80 and from epoch 90 on).
        steps: of a method that lists the rows of an epoch: ``expanded``, as many as these make, or
            ``nominal``, as many as joint takes.
        here: train in this process, one run after the other: sooner done where runs last less than
            the seconds that a process takes to start. The numbers are the same.
        engine: who trains the runs: ``local``, processes of this machine, or ``ray``, a Ray cluster
            whose machines share the folder of the results, see docs/several-machines.md.
        address: of a running cluster, such as ``auto`` or ``10.0.0.1:6379``. None: one of its own
            on this machine.
        cpus_per_run: what a run takes of the cluster's CPUs. None: one.
        gpus_per_run: of its GPUs, such as 0.25. None: one with a device ``cuda``.

    Returns:
        What results.json holds.

    Raises:
        BalanceError: something cannot be compared, is missing or cannot be written; or runs failed
            while the others were trained, the message says which and why.

    Example::

        results = equimodal.compare(methods=["joint", "amss", "amss-fixed"], seeds=5)
        print(results["summary"]["amss"]["difference_to_control"])
    """
    return compared(*arranged(locals()))


def compared(experiment: Experiment, execution: Execution) -> dict[str, Any]:
    """What `compare` returns, of an experiment."""
    folder, plan, place = planned(experiment, execution)
    make_folder(folder)
    with locked(folder, patience=0.0):
        claim(folder, plan)
        return _run(plan, folder, place)


def planned(
    experiment: Experiment, execution: Execution, *, trained_here: bool = True
) -> tuple[Path, Plan, Workplace]:
    """The folder of a comparison, its plan, and where it is trained, before anything is written.

    Raises:
        BalanceError: something that cannot be compared, or not in that folder, or not
            ``trained_here``.
    """
    folder = execution.folder(experiment.data)
    place = Workplace(execution, experiment.device, experiment.data)
    # What is continued may be over, and is summed up on a machine that could not train it.
    early = () if execution.resume or not trained_here else (place.check,)
    check_all(
        lambda: check_request(experiment),
        lambda: check_new(folder, resume=execution.resume),
        *early,
    )
    plan = make_plan(*loadable(experiment, execution))
    check_runs(folder, plan)
    return folder, plan, place


def written(experiment: Experiment, execution: Execution, file: Path) -> int:
    """Write the runs of a comparison as a list, and train none; returns how many there are.

    Raises:
        BalanceError: as in `compare`, or the file is there already.
    """
    if execution.engine != LOCAL or execution.jobs is not None:
        raise BalanceError(
            "--engine and --jobs say who trains, and a plan is only written; leave them out."
        )
    check_device_name(experiment.device)
    folder, plan, _ = planned(experiment, execution, trained_here=False)
    write_plan(file, plan, folder, experiment.data, execution)
    return len(plan.runs)


def _run(plan: Plan, folder: Path, place: Workplace) -> dict[str, Any]:
    """Train what is missing, then write the results of all."""
    from equimodal.report import is_kept, keep, write_page

    missing = [index for index, run in enumerate(plan.runs) if not is_over(run, folder)]
    failed = place.trained([plan.runs[index] for index in missing], folder, plan.data_root)
    failures = {missing[index]: message for index, message in failed.items()}
    results = collect(plan, folder, failures)
    write_json(folder / "results.json", results)
    if missing or not is_kept(folder):
        keep(folder, results, plan.data_root)
    write_page(folder)
    leave_model(folder, plan, results)
    if failures:
        raise _incomplete(plan, failures)
    return results


def _incomplete(plan: Plan, failures: Mapping[int, str]) -> BalanceError:
    listed = "; ".join(
        f"{plan.runs[index].config.title}: {message.rstrip('.')}"
        for index, message in list(failures.items())[:3]
    )
    more = f"; and {len(failures) - 3} more" if len(failures) > 3 else ""
    return BalanceError(
        f"{len(failures)} of {len(plan.runs)} runs failed: {listed}{more}. The others are kept; "
        "repeat the command with --resume to train the missing ones."
    )
