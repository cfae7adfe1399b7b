"""Why an event came about, or did not: `pose-edge explain`.

results -> timeline (quantities and events) -> decisions (a line each) and picture.
"""
