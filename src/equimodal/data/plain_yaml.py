"""Plain YAML: texts, numbers, true, false and null in lists and mappings, within limits.

What YAML has besides is refused by name: aliases, which may multiply, tags, a key that stands
twice. No text becomes a date, a number to the base 8 or 60, or true for `yes`: those mean one thing
to one reader of YAML and another to the next.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from equimodal.data.table.reading.extras import extra
from equimodal.errors import DataError

_BYTES, _NODES, _DEPTH, _DIGITS = 1_000_000, 100_000, 16, 30
_WORDS = {"": None, "~": None, "null": None, "true": True, "false": False}
_WHOLE = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_FRACTION = re.compile(r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))([eE][-+]?[0-9]+)?")


def read_yaml(path: Path) -> Any:
    """What a file holds; None where it holds nothing.

    Raises:
        DataError: it is no YAML, holds more than plain YAML, or too much of it.
    """
    yaml = extra("yaml", "a YAML file")
    try:
        with open(path, "rb") as file:
            content = file.read(_BYTES + 1)
        if len(content) > _BYTES:
            raise DataError(f"it holds more than {_BYTES:,} bytes.")
        return _Reading(yaml, content.decode("utf-8-sig")).document()
    except DataError as error:
        raise DataError(f"{path.name}: {error}") from error
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
        raise DataError(f"{path.name} is no YAML: {error}") from error


class _Reading:
    """The events of a text, one document, as values."""

    def __init__(self, yaml: Any, text: str) -> None:
        self._yaml = yaml
        self._events: Iterator[Any] = iter(yaml.parse(text, Loader=yaml.SafeLoader))
        self._nodes = 0

    def document(self) -> Any:
        """The value of the only document."""
        value = None
        documents = 0
        for event in self._events:
            if isinstance(event, self._yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise DataError(f"a second document begins in line {_line(event)}; write one.")
                value = self._value(next(self._events), 0)
        return value

    def _value(self, event: Any, depth: int) -> Any:
        self._nodes += 1
        _check_plain(self._yaml, event, depth)
        if self._nodes > _NODES:
            raise DataError(f"it holds more than {_NODES:,} values.")
        if isinstance(event, self._yaml.ScalarEvent):
            return _scalar(event)
        if isinstance(event, self._yaml.SequenceStartEvent):
            return [self._value(each, depth + 1) for each in self._until("SequenceEndEvent")]
        return self._mapping(depth + 1)

    def _until(self, end: str) -> Iterator[Any]:
        for event in self._events:
            if isinstance(event, getattr(self._yaml, end)):
                return
            yield event

    def _mapping(self, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for event in self._until("MappingEndEvent"):
            _check_plain(self._yaml, event, depth)
            if not isinstance(event, self._yaml.ScalarEvent):
                raise DataError(f"the key in line {_line(event)} is no text.")
            key = _text(event)
            if key in found:
                raise DataError(f"'{key}' stands twice, again in line {_line(event)}.")
            found[key] = self._value(next(self._events), depth)
        return found


def _check_plain(yaml: Any, event: Any, depth: int) -> None:
    if isinstance(event, yaml.AliasEvent):
        raise DataError(f"line {_line(event)} has an alias (*{event.anchor}); write it in full.")
    if event.tag is not None:
        raise DataError(f"line {_line(event)} has a tag ({event.tag}); write the value alone.")
    if depth > _DEPTH:
        raise DataError(f"more than {_DEPTH} lists or mappings lie in each other.")


def _scalar(event: Any) -> Any:
    """A value as written; quotes make a text of anything."""
    text = _text(event)
    if event.style is not None:
        return text
    if text.lower() in _WORDS and text in (text.lower(), text.upper(), text.capitalize()):
        return _WORDS[text.lower()]
    number = int if _WHOLE.fullmatch(text) else float if _FRACTION.fullmatch(text) else None
    if number and len(text) > _DIGITS:
        raise DataError(f"the number in line {_line(event)} has {len(text):,} characters.")
    return number(text) if number else text


def _text(event: Any) -> str:
    r"""The text of a scalar; JSON escapes what lies beyond \uffff as two halves."""
    try:
        return str(event.value).encode("utf-16-le", "surrogatepass").decode("utf-16-le")
    except UnicodeDecodeError:
        raise DataError(f"line {_line(event)} holds half a character.") from None


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1
