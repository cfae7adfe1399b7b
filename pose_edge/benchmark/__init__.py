"""What pose-edge costs, held against MediaPipe alone on the same machine, in the same run.

`measures.py` is the table of what is measured; `bare.py` is the script everything is held against.
"""
