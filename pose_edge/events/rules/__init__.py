"""Events of the user's own, from the YAML file: measured quantities, limits, durations. See docs/rules.md.

    conditions.py  what may be written under `when`
    options.py     a rule, and all of them
    checks.py      a condition -> functions that say whether it is so
    paths.py       where points were over the last half second
    life.py        so or not so, moment by moment -> begun, over
    detector.py    scenes -> events
    sense.py       what can never be so, or always is
    words.py       a condition in words
    sentences.py   a rule in a sentence
    misses.py      when a rule was so, and how near it came

Nothing here runs what the user writes: a rule is data, compared with the table of quantities.
"""

from pose_edge.events.rules.detector import Rules
from pose_edge.events.rules.misses import holding, misses
from pose_edge.events.rules.options import RuleOptions, RulesOptions, event_types
from pose_edge.events.rules.sentences import sentences

__all__ = ["RuleOptions", "Rules", "RulesOptions", "event_types", "holding", "misses", "sentences"]
