"""A rule in a sentence."""

from __future__ import annotations

from pose_edge.durations import in_words
from pose_edge.events.rules.options import PREFIX, RuleBase, rules_of
from pose_edge.events.rules.words import when_in_words
from pose_edge.options import Options


def in_one_line(name: str, rule: RuleBase) -> str:
    """Return a rule in words: `left elbow below 40 deg for 2 s -> rule_arm_bent, info`."""
    who = ", anybody" if rule.who == "anybody" else ""
    return f"{when_in_words(rule.when)} for {in_words(rule.for_s)}{who} -> {PREFIX}{name}, {rule.severity}"


def sentences(options: Options) -> list[str]:
    """Return the rules of an `EventsOptions` in words."""
    return [in_one_line(name, rule) for name, rule in rules_of(options).items()]
