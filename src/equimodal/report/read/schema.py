"""The shape of results.json, checked against ``schema.json``."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from equimodal.errors import BalanceError

if TYPE_CHECKING:
    from jsonschema import ValidationError
    from jsonschema.protocols import Validator

SCHEMA, EARLIER = "equimodal.results/2", "equimodal.results/1"

_SAID: dict[str, Callable[[Any, Any], str]] = {
    "enum": lambda value, wanted: f"is {value!r}, not one of {', '.join(wanted)}",
    "type": lambda value, wanted: f"is {type(value).__name__}, not {_either(wanted)}",
    "minItems": lambda value, wanted: "is empty",
    "minimum": lambda value, wanted: f"is {value!r}, not at least {wanted!r}",
    "maximum": lambda value, wanted: f"is {value!r}, not at most {wanted!r}",
    "exclusiveMinimum": lambda value, wanted: f"is {value!r}, not above {wanted!r}",
}
"""What is said of a value that breaks a keyword; `required` is told apart."""


def _either(types: str | Sequence[str]) -> str:
    return types if isinstance(types, str) else " or ".join(types)


@cache
def schema() -> dict[str, Any]:
    """The JSON schema of results.json."""
    text = files("equimodal.report").joinpath("schema.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


@cache
def _validator() -> Validator:
    """Takes tuples as arrays, as they become some, and no 3.0 as a whole number."""
    from jsonschema import Draft202012Validator, validators

    types = Draft202012Validator.TYPE_CHECKER.redefine_many(
        {
            "array": lambda _, value: isinstance(value, list | tuple),
            "integer": lambda _, value: isinstance(value, int) and not isinstance(value, bool),
        }
    )
    found: Validator = validators.extend(Draft202012Validator, type_checker=types)(schema())
    return found


def violations(results: object) -> list[str]:
    """What in ``results`` breaks the schema, one line per place: "runs[3].seed is str, ..."."""
    errors = _validator().iter_errors(results)
    return list(dict.fromkeys(line for error in errors for line in _told(error)))


def _told(error: ValidationError) -> Iterator[str]:
    """One error of "required" stands for each missing name, and does not say which it is."""
    wanted: Any = error.validator_value
    if error.validator == "required":
        for name in wanted:
            if name not in error.instance:
                yield f"{_place([*error.absolute_path, name])} is missing"
    else:
        said = _SAID[str(error.validator)]
        yield f"{_place(error.absolute_path)} {said(error.instance, wanted)}"


def _place(steps: Iterable[str | int]) -> str:
    path = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)
    return path.removeprefix(".") or "the file"


def check(results: object, source: str = "results", *, schema: str = SCHEMA) -> None:
    """Raises `BalanceError` when ``results`` is not what ``schema`` describes.

    Results of an `EARLIER` schema have intervals of another kind: `read_results` makes them new.
    """
    found = results.get("schema") if isinstance(results, dict) else None
    if found != schema:
        what = f"schema {found!r}" if found is not None else f"{type(results).__name__} without one"
        remedy = (
            "Read its folder: equimodal.report.read_results(DIR)" if found == EARLIER else
            "Render it with the version of equimodal that wrote it, or run the comparison again: "
            "equimodal compare --out DIR"
        )  # fmt: skip
        raise BalanceError(f"{source} is not of schema {schema!r}: found {what}. {remedy}")
    wrong = violations(results)
    if wrong:
        more = f" (and {len(wrong) - 3} more)" if len(wrong) > 3 else ""
        raise BalanceError(
            f"{source} breaks schema {schema!r}: {'; '.join(wrong[:3])}{more}. "
            "Write it again: equimodal compare --resume --out DIR"
        )
