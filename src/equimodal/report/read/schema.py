"""The shape of results.json, checked against ``schema.json`` without a validation library.

Only the keywords that ``schema.json`` uses are known: type, const, enum, required, properties,
additionalProperties, items, minItems, minimum, maximum, exclusiveMinimum and references into
``$defs``.
"""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from equimodal.errors import BalanceError

SCHEMA = "equimodal.results/1"

_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list, tuple),
    "string": (str,),
    "number": (int, float),
    "integer": (int,),
    "boolean": (bool,),
    "null": (type(None),),
}
_BOUNDS: tuple[tuple[str, str, Callable[[float, float], bool]], ...] = (
    ("minimum", "at least", operator.ge),
    ("maximum", "at most", operator.le),
    ("exclusiveMinimum", "above", operator.gt),
)


@cache
def schema() -> dict[str, Any]:
    """The JSON schema of results.json."""
    text = files("equimodal.report").joinpath("schema.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def violations(value: object, rule: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """What in ``value`` breaks ``rule``, one line per place: "runs[3].seed is a string, ..."."""
    if "$ref" in rule:
        rule = schema()["$defs"][rule["$ref"].removeprefix("#/$defs/")]
    problem = _problem(value, rule)
    if problem:
        yield f"{path or 'the file'} {problem}"
    elif isinstance(value, dict):
        yield from _object_violations(value, rule, path)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from violations(item, rule.get("items", {}), f"{path}[{index}]")


def _object_violations(
    value: Mapping[str, object], rule: Mapping[str, Any], path: str
) -> Iterator[str]:
    prefix = f"{path}." if path else ""
    for name in rule.get("required", ()):
        if name not in value:
            yield f"{prefix}{name} is missing"
    known = rule.get("properties", {})
    for name, item in value.items():
        yield from violations(
            item, known.get(name, rule.get("additionalProperties", {})), prefix + name
        )


def _problem(value: object, rule: Mapping[str, Any]) -> str | None:
    if "const" in rule and value != rule["const"]:
        return f"is {value!r}, not {rule['const']!r}"
    if "enum" in rule and value not in rule["enum"]:
        return f"is {value!r}, not one of {', '.join(rule['enum'])}"
    if "type" in rule and not _has_type(value, rule["type"]):
        wanted = rule["type"] if isinstance(rule["type"], str) else " or ".join(rule["type"])
        return f"is {type(value).__name__}, not {wanted}"
    if isinstance(value, list | tuple) and len(value) < rule.get("minItems", 0):
        return "is empty"
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _out_of_range(value, rule)
    return None


def _out_of_range(value: float, rule: Mapping[str, Any]) -> str | None:
    for name, wanted, fits in _BOUNDS:
        if name in rule and not fits(value, rule[name]):
            return f"is {value!r}, not {wanted} {rule[name]!r}"
    return None


def _has_type(value: object, wanted: str | list[str]) -> bool:
    names = [wanted] if isinstance(wanted, str) else wanted
    if isinstance(value, bool):
        return "boolean" in names
    return any(isinstance(value, _TYPES[name]) for name in names)


def check(results: object, source: str = "results") -> None:
    """Raises `BalanceError` when ``results`` is not what ``equimodal.results/1`` describes."""
    found = results.get("schema") if isinstance(results, dict) else None
    if found != SCHEMA:
        what = f"schema {found!r}" if found is not None else f"{type(results).__name__} without one"
        raise BalanceError(
            f"{source} is not of schema {SCHEMA!r}: found {what}. Render it with the version of "
            "equimodal that wrote it, or run the comparison again: equimodal compare --out DIR"
        )
    wrong = list(violations(results, schema()))
    if wrong:
        more = f" (and {len(wrong) - 3} more)" if len(wrong) > 3 else ""
        raise BalanceError(
            f"{source} breaks schema {SCHEMA!r}: {'; '.join(wrong[:3])}{more}. "
            "Write it again: equimodal compare --resume --out DIR"
        )
