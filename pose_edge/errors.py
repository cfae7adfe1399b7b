"""Every error pose-edge raises on purpose, by who must act on it.

    PoseEdgeError
    ├── UsageError              who typed the command: a missing file, options that exclude each other
    ├── ConfigError             who wrote the configuration
    ├── ExpectationError        who wrote the expectations: the input did not do what they say
    ├── SourceError             who set up the camera, or made the file
    ├── CalibrationError        who stood before the camera: what was seen does not suffice
    ├── LandmarkerError         who chose the model or the machine; MediaPipe refused or fell silent
    │   └── ModelError          the model file is damaged, of another task, or cannot be stored
    └── UnavailableError        something needed that is not there: broker, network, port, library, processor

The message is one line for that person: what, where, what was found, what is allowed.
"""

from typing import ClassVar

EXIT_DONE = 0
EXIT_FAILURE = 1
EXIT_USAGE = 2
EXIT_EXPECTATION = 3
EXIT_UNAVAILABLE = 69  # sysexits.h EX_UNAVAILABLE
EXIT_CONFIG = 78  # sysexits.h EX_CONFIG; the unit file does not restart on it
EXIT_INTERRUPTED = 130  # 128 + SIGINT, as shells report it


class PoseEdgeError(Exception):
    """Base of all errors meant for a person; `exit_code` is what the command returns."""

    exit_code: ClassVar[int] = EXIT_FAILURE


class UsageError(PoseEdgeError):
    """The command line asks for something that cannot be done."""

    exit_code = EXIT_USAGE


class ConfigError(PoseEdgeError):
    """The configuration is wrong; the message holds one complaint a line."""

    exit_code = EXIT_CONFIG


class ExpectationError(PoseEdgeError):
    """What was expected of the input did not happen, or something forbidden did."""

    exit_code = EXIT_EXPECTATION


class SourceError(PoseEdgeError):
    """No pictures, or none any more: camera, driver, file."""


class CalibrationError(PoseEdgeError):
    """What was seen does not suffice to calibrate by, or a calibration cannot be used."""


class LandmarkerError(PoseEdgeError):
    """MediaPipe could not be created, refused a call, or stopped answering."""


class ModelError(LandmarkerError):
    """A model file is damaged, is no pose landmarker, or cannot be stored."""


class UnavailableError(PoseEdgeError):
    """Something needed from outside is not there; trying again by itself would not bring it."""

    exit_code = EXIT_UNAVAILABLE


BY_NAME: dict[str, type[PoseEdgeError]] = {
    kind.__name__: kind
    for kind in (
        UsageError,
        ConfigError,
        ExpectationError,
        SourceError,
        LandmarkerError,
        ModelError,
        UnavailableError,
    )
}
"""For errors that cross from the vision process to the daemon."""
