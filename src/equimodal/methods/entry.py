"""What the registry holds of a method: plain data, so that reading it imports no method."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from equimodal.checks import require, require_choice
from equimodal.methods.facts import ANY, COSTS, NEEDS

BASELINE = "baseline"
FIELD = "field"
"""In place of the names of rows: every row there is."""
STARVED, AHEAD, FUSION = "a modality is starved", "another is ahead", "the fusion is behind"
MISSING = "samples lack modalities"
CASES = (STARVED, AHEAD, FUSION, MISSING)
"""What a diagnosis, or a look at the data, can find that a method may fit; `AHEAD` only ever holds
beside `STARVED`."""


@dataclass(frozen=True)
class Range:
    """A setting, and the values between which `equimodal choose` searches, on a log scale."""

    setting: str
    low: float
    high: float


@dataclass(frozen=True)
class Fit:
    """A case, one of `CASES`, that a method fits, and why: the reason may name the modalities
    ``{starved}`` and, where one is ahead, ``{ahead}``."""

    case: str
    reason: str


@dataclass(frozen=True)
class Entry:
    """One row of a comparison that trains a fused model.

    Raises:
        BalanceError: a field cannot be what it is.
    """

    name: str
    """As a row is asked for: lower-case letters and digits, ``-`` between them, ``+`` behind."""
    summary: str
    """One honest sentence without its full stop."""
    target: str
    """``module:Class``"""
    preset: Mapping[str, Any] = field(default_factory=dict, kw_only=True)
    """Constructor arguments that make this row, in place of the class's defaults."""
    objective: str = field(default="any", kw_only=True)
    """"any": the loss under it is an argument; "own": it brings its own."""
    family: str = field(default="other", kw_only=True)
    """What it acts on, the heading under which it is listed."""
    controls: tuple[str, ...] = field(default=(), kw_only=True)
    """Rows that it is held against: the first isolates its main idea, the others parts of it."""
    is_control: bool = field(default=False, kw_only=True)
    fusion: str = field(default="", kw_only=True)
    """The fusion of our models that it brings, one of `equimodal.models.FUSIONS`, in place of the
    comparison's; then one of its controls is joint training with that fusion, unless it is so
    itself."""
    depends: tuple[str, ...] = field(default=(), kw_only=True)
    """``("alone:*",)`` where it reads the models of each modality: a comparison trains them too."""
    main: Range | None = field(default=None, kw_only=True)
    """Its main setting; a row without is not searched."""
    fits: tuple[Fit, ...] = field(default=(), kw_only=True)
    """The cases in which a diagnosis advises it. None is promised to help."""
    functions: tuple[str, ...] = field(default=(), kw_only=True)
    """Pure functions, one an equation, as ``module:function``; `equimodal.functional` has them."""
    records: Mapping[str, str] = field(default_factory=dict, kw_only=True)
    """Title of a decision that it records, by its name, where the name alone does not say it."""
    quick: Mapping[str, Any] = field(default_factory=dict, kw_only=True)
    """Settings with which it acts within a few steps; the contract tests train with them."""
    cost: tuple[str, ...] = field(default=(), kw_only=True)
    """What a training costs beside joint training, in keys of `facts.COSTS`."""
    needs: tuple[str, ...] = field(default=(), kw_only=True)
    """What a balancer is refused without, in keys of `facts.NEEDS`."""
    targets: tuple[str, ...] = field(default=(), kw_only=True)
    """The kinds of targets that it takes, of `facts.ANY`; empty where nothing is said."""
    released: str = field(default="", kw_only=True)
    """Where released code differs, in a line, with the arguments that select it."""
    port: str = field(default="", kw_only=True)
    """The same of the port that people know, BalanceBenchmark's."""
    origin: str = field(default="paper", kw_only=True)
    """"paper": a paper's method; "practice": in use, and of no single paper; "ours"."""
    on_request: bool = field(default=False, kw_only=True)
    """Whether a comparison of the default rows leaves it out: it is compared by its name, or by
    `FIELD`, which stands for every row."""
    package: str = field(default="", kw_only=True)
    """The package that registered it; empty for a method of this library."""

    def __post_init__(self) -> None:
        module, colon, attribute = self.target.partition(":")
        require(
            bool(module and colon and attribute.isidentifier()),
            f"The target of {self.name} must be module:Class", self.target,
        )  # fmt: skip
        require_choice(f"The objective of {self.name}", self.objective, ("any", "own"))
        require_choice(f"The origin of {self.name}", self.origin, ("paper", "practice", "ours"))
        words = {"cost": COSTS, "needs": NEEDS, "targets": ANY}
        for name, known in words.items():
            for word in getattr(self, name):
                require_choice(f"A word of {name} of {self.name}", word, tuple(known))
        for fit in self.fits:
            require_choice(f"A case that {self.name} fits", fit.case, CASES)
        if self.main:
            ends = (self.main.low, self.main.high)
            require(0 < ends[0] < ends[1], f"The range of {self.name} must be 0 < low < high", ends)

    @property
    def module(self) -> str:
        """Dotted name of the module that holds the class."""
        return self.target.partition(":")[0]

    @property
    def card(self) -> str:
        """Its page in this repository; of a method of this library."""
        return f"docs/methods/{self.module.rpartition('.')[2]}.md"
