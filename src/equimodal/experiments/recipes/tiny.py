"""A recipe made small: the miniature of its data set, small inputs and encoders, few rows."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from equimodal import methods
from equimodal.comparison.rows import JOINT
from equimodal.experiments.recipes.recipe import Recipe, Value, Values

WHY = "--tiny"
_LARGEST: dict[str, Any] = {
    "size": 16, "crop": 12, "frames": 2, "rate": 4000, "seconds": 0.25, "window": 64, "hop": 40,
    "bands": 8, "length": 8,
}  # fmt: skip
_CONVERTER = {"flow_frames": 2, "flow_size": 0}


def shrunk(recipe: Recipe) -> Recipe:
    """The recipe as ``--tiny`` runs it: on generated samples, whose numbers mean nothing."""
    own = dict(recipe.tiny)
    epochs = own.pop("epochs", Value(1, WHY))
    return replace(
        recipe,
        rows=_rows(recipe),
        converter=_smaller(recipe.converter, _CONVERTER),
        columns={m: _column(settings) for m, settings in recipe.columns.items()},
        encoders={m: Value("small", WHY) for m in recipe.encoders},
        batch_size=Value(min(recipe.batch_size.value, 8), WHY),
        settings={**_of_rows(recipe), **own},
        epochs=epochs,
    )


def changes(recipe: Recipe) -> Iterator[str]:
    """What ``--tiny`` changes, as ``name: value -> value`` lines."""
    small = shrunk(recipe)
    yield f"rows: {len(recipe.rows)} -> {', '.join(small.rows)}"
    before = {name: value.value for _, name, value in recipe.values()}
    after = {name: value.value for _, name, value in small.values()}
    after["batch_size"] = f"{after['batch_size']}, or half of the training samples"
    for name, value in after.items():
        if value != before.get(name):
            yield f"{name}: {_written(before.get(name))} -> {_written(value)}"


def _rows(recipe: Recipe) -> tuple[str, ...]:
    """Joint training, the first method that has a control, and the first of its controls."""
    chosen = next(r for r in recipe.rows if methods.known(r) and methods.entry(r).controls)
    return (JOINT, methods.entry(chosen).controls[0], chosen)


def _of_rows(recipe: Recipe) -> dict[str, Value]:
    """Settings of the rows that are left, and of the optimiser."""
    kept = (*_rows(recipe), recipe.optimizer.value)
    return {k: v for k, v in recipe.settings.items() if k.rpartition(".")[0] in kept}


def _column(settings: Values) -> dict[str, Value]:
    found = _smaller(settings, _LARGEST)
    if "tokens" in found:  # of a pretrained model, whose place the small encoder takes
        found["tokens"] = Value("words", WHY)
    return found


def _smaller(settings: Values, largest: Mapping[str, Any]) -> dict[str, Value]:
    return {
        name: Value(min(value.value, largest[name]), WHY) if name in largest else value
        for name, value in settings.items()
    }


def _written(value: Any) -> str:
    return "none" if value is None else str(value)
