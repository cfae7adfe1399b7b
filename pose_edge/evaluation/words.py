"""What `expect` and `never` of a manifest mean: a word -> which events say it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from pose_edge.events import TABLE
from pose_edge.events.rules.options import PREFIX
from pose_edge.records import Event, PostureClass, Stage


@dataclass(frozen=True, slots=True)
class Word:
    """One word: which events say it."""

    said_by: Callable[[Event], bool]
    with_hold: bool = False
    """Whether what is said while the last frame is held counts. Clips end before what takes its time to be
    sure can be said: a fall, a slouch. What is seen at once has to be said within the clip."""


def _presence(stage: Stage) -> Callable[[Event], bool]:
    return lambda event: event.kind == "presence" and event.stage is stage


def _posture(posture: PostureClass) -> Callable[[Event], bool]:
    return lambda event: (
        event.kind == "posture" and event.stage is Stage.NEW and event.details.get("posture") == posture.value
    )


def _fall(event: Event) -> bool:
    return event.event_type in ("fall_suspected", "fall_confirmed")


def _began(word: str) -> Callable[[Event], bool]:
    """Said by the kind of that name, or an event type that is the word or begins with it."""
    return lambda event: (
        event.stage is Stage.NEW
        and (event.kind == word or event.event_type == word or event.event_type.startswith(f"{word}_"))
    )


_SLOW: Final = (
    "slouch",
    "forward_head",
    "shoulder_tilt",
    "head_tilt",
    "sedentary",
    "inactivity",
    "loitering",
)
_QUICK: Final = ("hands_raised", "one_arm_raised", "wave", "bed_exit", "chair_exit", "repetition")

WORDS: Final[Mapping[str, Word]] = {
    "person_present": Word(_presence(Stage.NEW)),
    "person_absent": Word(_presence(Stage.END)),
    "fall": Word(_fall, with_hold=True),
    "zone_entered": Word(lambda event: event.event_type == "zone_entered"),
    "zone_left": Word(lambda event: event.event_type == "zone_left"),
    **{
        posture.value: Word(_posture(posture))
        for posture in PostureClass
        if posture is not PostureClass.UNKNOWN
    },
    **{word: Word(_began(word), with_hold=True) for word in _SLOW},
    **{word: Word(_began(word)) for word in _QUICK},
}
"""Every word that is judged. One for an event kind that this version lacks is never said."""


def meaning(word: str) -> Word | None:
    """Return what a word means; the name of an event kind is one too. None: it cannot be judged.

    What a rule of the user's own says is `rule_<name>`.
    """
    if word in WORDS:
        return WORDS[word]
    if word.startswith(PREFIX):
        return Word(_began(word))
    return Word(_began(word)) if any(row.name == word for row in TABLE) else None


def known_words(rule_types: Iterable[str] = ()) -> tuple[str, ...]:
    """Return every word that can be judged; `rule_types` are the events of the user's own rules."""
    return tuple(dict.fromkeys((*WORDS, *(row.name for row in TABLE if row.name != "rules"), *rule_types)))
