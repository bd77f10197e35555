"""What the YAML says of the target: the task, its columns, and what belongs to one task alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from equimodal.data.settings import choice, number
from equimodal.data.target import CLASSIFICATION, MULTI_LABEL, TASKS
from equimodal.errors import DataError, quoted

_LONGEST = 8


def declared_target(found: Mapping[str, Any]) -> dict[str, Any]:
    """``task``, ``label``, ``separator`` and ``weight`` as `Declaration` has them, each checked.

    Raises:
        DataError: a value is wrong, or belongs to another task; the message says what to write.
    """
    task = choice("task", found["task"], TASKS) if "task" in found else None
    label = _columns(found["label"]) if "label" in found else ()
    if len(label) > 1 and task in (None, CLASSIFICATION):
        raise DataError(
            f"label names {len(label)} columns; write `task: multi-label` where each holds 1 or 0, "
            "or `task: regression` where they hold numbers."
        )
    own: dict[str, Any] = {"task": task, "label": label}
    if "separator" in found:
        own["separator"] = _separator(found["separator"], task, label)
    elif task == MULTI_LABEL and len(label) < 2:
        raise DataError(
            "a multi-label table with one column of labels needs what stands between their names: "
            "write `separator: ;`, or several columns under `label`, each with 1 or 0."
        )
    if "weight" in found:
        own["weight"] = _weight(found["weight"], task)
    return own


def _columns(value: object) -> tuple[str, ...]:
    names = [value] if isinstance(value, str) else value
    sound = isinstance(names, list) and names and all(isinstance(n, str) and n for n in names)
    if not sound or not isinstance(names, list) or len(set(names)) < len(names):
        raise DataError(
            f"label must be the name of a column, or a list of different ones; found "
            f"{quoted(value)}."
        )
    return tuple(names)


def _separator(value: object, task: str | None, label: tuple[str, ...]) -> str:
    if task != MULTI_LABEL or len(label) > 1:
        raise DataError(
            "separator stands between the labels of one column; it needs `task: multi-label`, and "
            f"one column under `label`. Found {task or 'no task'} and {len(label)} columns."
        )
    if not isinstance(value, str) or not value.strip() or len(value) > _LONGEST:
        raise DataError(f"separator must be a sign such as ';' or '|'; found {quoted(value)}.")
    return value.strip()


def _weight(value: object, task: str | None) -> dict[str, float] | str:
    if task not in (None, CLASSIFICATION):
        raise DataError(f"weight is of the classes of a classification; found task: {task}.")
    if value == "balanced":
        return "balanced"
    if not isinstance(value, dict) or not value:
        raise DataError(
            "weight must be `balanced`, or a number for each class, such as {cat: 1, dog: 4}; "
            f"found {quoted(value)}."
        )
    found = {str(name): number(f"weight of '{name}'", w, low=0) for name, w in value.items()}
    if not any(found.values()):
        raise DataError(f"weight must not be 0 for all classes; found {quoted(value)}.")
    return found
