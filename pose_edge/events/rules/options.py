"""Options under `events.rules`: one rule a name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Final, Literal, Self

from pydantic import ConfigDict, Field, StringConstraints, create_model, model_validator
from pydantic_core import PydanticCustomError

from pose_edge.durations import Seconds
from pose_edge.events.rules.conditions import Condition, ConditionBase, Speed
from pose_edge.events.rules.sense import senseless
from pose_edge.options import Options
from pose_edge.quantities import POINTS, Point
from pose_edge.records import Severity

PREFIX: Final = "rule_"
"""Begins the kind and type of every event of a rule; no kind of ours begins like that."""

MOST_RULES: Final = 32
MOST_CONDITIONS: Final = 16
MOST_DEPTH: Final = 4
"""Bounds of the work per picture, several times what anybody has asked for."""

RuleName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,31}$")]


class RuleBase(Options):
    """One rule of the user; see docs/rules.md."""

    when: Condition = Field()
    """What has to be so: `{left_elbow_deg: {below: 40}}`."""

    clear: Seconds = Field(1.0, ge=0.3, le=86400)
    """How long it must not be so until it counts as over; what is shorter interrupts nothing."""
    # 1 s: "held" is never missing for longer than that (posture_science 4.0).

    refractory: Seconds = Field(5.0, ge=0, le=86400)
    """How long after its end the same rule is silent about the same person."""
    # As long as a person takes to see why it rang and put it right; a reminder twice in 5 s helps nobody.

    who: Literal["each", "anybody"] = "each"
    """Each person has events of their own, or one person takes over from the other."""

    severity: Severity = "info"
    """`alert` is kept until the broker has it, whatever happens."""

    message: str = Field("", max_length=200)
    """For people; the rule in words where it is empty."""

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if (depth := _depth(self.when)) > MOST_DEPTH:
            told = f"conditions nested {depth} deep, at most {MOST_DEPTH} are allowed"
            raise PydanticCustomError("depth", "{told}", {"told": told})
        if (count := sum(1 for _ in quantities(self.when))) > MOST_CONDITIONS:
            told = f"{count} quantities, at most {MOST_CONDITIONS} are allowed"
            raise PydanticCustomError("count", "{told}", {"told": told})
        return self

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if told := list(dict.fromkeys(senseless(self.when))):
            raise PydanticCustomError("sense", "{told}", {"told": "; ".join(told)})
        return self

    @property
    def for_s(self) -> float:
        """How long it must be so."""
        return float(getattr(self, "for"))


RuleOptions: type[RuleBase] = create_model(  # type: ignore[call-overload]  # a name that is Python's own
    "RuleOptions",
    __base__=RuleBase,
    __doc__=RuleBase.__doc__,
    **{
        "for": (
            Seconds,
            # 0.3 s: the model misreads single pictures, and at 5 a second two of them are 0.2 s.
            Field(1.0, ge=0.3, le=86400, description="How long it must be so before it is told: `20 min`."),
        )
    },
)


class RulesOptions(Options):
    """Options under ``events.rules``: events of your own, each under its name; docs/rules.md says how."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[RuleName, RuleOptions] = Field(init=False)

    @model_validator(mode="after")
    def _not_too_many(self) -> Self:
        if (count := len(self.rules())) > MOST_RULES:
            told = f"{count} rules, at most {MOST_RULES} are allowed"
            raise PydanticCustomError("count", "{told}", {"told": told})
        return self

    def rules(self) -> dict[str, RuleBase]:
        """Return them by name, in the order of the file."""
        extra: dict[str, Any] = self.model_extra or {}
        return extra


def quantities(condition: ConditionBase) -> Iterator[tuple[str, Any]]:
    """Yield every quantity a condition speaks of, however deep, and what it says of it."""
    for name, value in condition.given():
        if name not in ("all", "any", "not"):
            yield name, value
    for part in condition.inner():
        yield from quantities(part)


def points_that_move(rule: RuleBase) -> Iterator[Point]:
    """Yield the points of whose speed a rule speaks."""
    return (POINTS[said.of] for _, said in quantities(rule.when) if isinstance(said, Speed))


def _depth(condition: ConditionBase) -> int:
    return 1 + max((_depth(part) for part in condition.inner()), default=0)


def event_types(options: Options) -> tuple[str, ...]:
    """Return the types of event the rules of an `EventsOptions` may send."""
    return tuple(f"{PREFIX}{name}" for name in rules_of(options))


def rules_of(options: Options) -> dict[str, RuleBase]:
    """Return the rules of an `EventsOptions` by name."""
    rules = getattr(options, "rules", None)
    return rules.rules() if isinstance(rules, RulesOptions) else {}
