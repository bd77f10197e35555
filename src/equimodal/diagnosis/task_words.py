"""How a diagnosis names what it measures, by task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from equimodal.data.target import CLASSIFICATION, MULTI_LABEL, REGRESSION


@dataclass(frozen=True)
class TaskWords:
    """``score`` is what modalities share out, ``blind`` and ``always`` who knows none of them."""

    score: str = "accuracy"
    blind: str = "naming one class"
    always: str = "naming the most frequent class always"


_WORDS = {
    CLASSIFICATION: TaskWords(),
    MULTI_LABEL: TaskWords("balanced accuracy", "a guess", "a guess"),
    REGRESSION: TaskWords("R²", "saying the mean", "saying the mean always"),
}


def task_words(verdict: Mapping[str, Any]) -> TaskWords:
    """The words of the task that a verdict, or the source of a diagnosis, names."""
    return _WORDS[verdict.get("task", CLASSIFICATION)]
