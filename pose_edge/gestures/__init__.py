"""Gestures of one person, recognised: hands held up, and waving (posture_science 4.4).

A sign is fed with what is seen of a person and says whether it is being made. A hidden hand neither begins
nor ends one, unless it stays hidden for two seconds. Lengths are in torso lengths, about 0.46 m.
"""

from pose_edge.gestures.raised import Raised, RaisedLimits
from pose_edge.gestures.sign import Sign
from pose_edge.gestures.waving import WaveLimits, Waving

__all__ = ["Raised", "RaisedLimits", "Sign", "WaveLimits", "Waving"]
