"""Fall: somebody went down and does not get up.

Begins (suspected) when the head has gone down far and fast and the body stays down or is not seen any more,
or when somebody lies on the floor for long. Confirmed when nobody has got up for `confirm_s`, or they raise
both hands or wave. Ends when the person is seen up again or somebody clears it; never because they are not
seen. A hidden part decides nothing.
"""

from pose_edge.events.fall.detector import FallDetector
from pose_edge.events.fall.options import FallOptions

__all__ = ["FallDetector", "FallOptions"]
