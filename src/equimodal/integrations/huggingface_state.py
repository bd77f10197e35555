"""A balancer's state in the checkpoints of a Hugging Face Trainer.

A callback is told that a training resumes, but not from which folder. So every training leaves a
mark in the Trainer's own state, and the file that carries the same mark is the one.
"""

from pathlib import Path
from typing import Any
from uuid import uuid4

from equimodal.balancing.balancer import Balancer
from equimodal.errors import BalanceError
from equimodal.storage.files import load_checkpoint, save_checkpoint

_KEY = "equimodal"
_FILE = "equimodal.pt"


def mark(args: Any, state: Any) -> str:
    """Mark the Trainer's state, which goes into every checkpoint of this training. -> the mark"""
    run = uuid4().hex
    state.stateful_callbacks[_KEY] = {"run": run, "folder": args.output_dir}
    return run


def save_state(balancer: Balancer, args: Any, state: Any, *, run: str, due: bool) -> None:
    """Put the balancer's state into the newest checkpoint, whole or not at all.

    Args:
        balancer: whose state.
        args: the Trainer's arguments.
        state: the Trainer's state.
        run: the mark of this training.
        due: whether an epoch is complete whose ``epoch_end()`` has not run yet.
    """
    content = {"run": run, "due": due, "balancer": balancer.state_dict()}
    save_checkpoint(_path(args.output_dir, state), content)


def load_state(balancer: Balancer, args: Any, state: Any) -> bool:
    """Continue from the checkpoint that the Trainer has read. -> whether ``epoch_end()`` is due

    Looked for in ``args.resume_from_checkpoint``, in ``args.output_dir`` and where it was written.

    Raises:
        BalanceError: none of these holds the state of the same training.
    """
    found = state.stateful_callbacks.get(_KEY, {})
    places = [Path(args.resume_from_checkpoint, _FILE)] if _is_path(args) else []
    places += [_path(f, state) for f in (args.output_dir, found.get("folder")) if f is not None]
    for path in dict.fromkeys(places):
        content = _read(path)
        if content.get("run") == found.get("run", ""):
            balancer.load_state_dict(content["balancer"])
            return bool(content["due"])
    raise BalanceError(
        f"The checkpoint of update {state.global_step} holds no state of a balancer: looked for "
        f"{' and '.join(map(str, dict.fromkeys(places)))}. Resume from one that was written with "
        "BalanceCallback; if it was moved, name it: TrainingArguments(resume_from_checkpoint=...)."
    )


def _is_path(args: Any) -> bool:
    return isinstance(args.resume_from_checkpoint, str)


def _path(folder: str, state: Any) -> Path:
    return Path(folder, f"checkpoint-{state.global_step}", _FILE)


def _read(path: Path) -> dict[str, Any]:
    remedy = "resume from another checkpoint"
    return load_checkpoint(path, remedy=remedy) if path.is_file() else {}
