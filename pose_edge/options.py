"""The base of all option groups: frozen, strict about unknown keys."""

from typing import Annotated, TypeAlias

from pydantic import AfterValidator, ConfigDict

from pose_edge.described import Described


def _topic(topic: str) -> str:
    if not topic or set(topic) & set("+#\0") or not all(topic.split("/")):
        raise ValueError(f"{topic!r}: needs at least one level, no empty ones, and neither + nor #")
    return topic


TopicName: TypeAlias = Annotated[str, AfterValidator(_topic)]
"""An MQTT topic that can be published to."""


class Options(Described):
    """A group of options; declared beside the part that uses them, collected in `config.py`."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
    )
