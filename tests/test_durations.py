from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from pose_edge.durations import Seconds, in_words

READER: TypeAdapter[float] = TypeAdapter(Seconds)


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        (2, 2),
        (0.5, 0.5),
        ("2 s", 2),
        ("500 ms", 0.5),
        ("20 min", 1200),
        ("1.5 h", 5400),
        ("1 h 30 min", 5400),
        ("2H", 7200),
        ("3 Seconds", 3),
        ("1 hour 1 minute 1 second", 3661),
    ],
)
def test_a_duration_is_read_as_people_write_it(written: object, seconds: float) -> None:
    assert READER.validate_python(written) == seconds


@pytest.mark.parametrize(
    "written", ["", "2", "s", "2 sek", "-2 s", "2 s ago", "1,5 h", True, None, [2], "inf s"]
)
def test_anything_else_is_refused_with_what_is_allowed(written: object) -> None:
    with pytest.raises(ValidationError, match="a duration is allowed: 2 s, 20 min"):
        READER.validate_python(written)


@given(st.integers(0, 10**8))
def test_what_is_told_can_be_written_again(milliseconds: int) -> None:
    words = in_words(milliseconds / 1000)

    assert READER.validate_python(words) == pytest.approx(milliseconds / 1000, abs=1e-6)


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0 s"), (2, "2 s"), (90, "1 min 30 s"), (1200, "20 min"), (0.3, "0.3 s")]
)
def test_durations_are_told_as_people_say_them(seconds: float, words: str) -> None:
    assert in_words(seconds) == words
