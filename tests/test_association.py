from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pose_edge.association import UNPAIRED, cheapest, likeness
from pose_edge.posture import measure
from pose_edge.records import Body
from tests.bodies import HEIGHT_PX, WIDTH_PX, pose


def body(stance: str = "standing", across: float = 0.5) -> Body:
    made = measure(pose(stance, at=(across, 0.5)), WIDTH_PX, HEIGHT_PX)
    assert made is not None
    return made


def alike(one: Body, other: Body, shift_px: tuple[float, float] = (0, 0)) -> float:
    return likeness(one, other, shift_px, WIDTH_PX, HEIGHT_PX)


def test_a_body_is_like_itself_and_unlike_one_across_the_room() -> None:
    assert alike(body(), body()) == pytest.approx(1)
    assert alike(body(), body(across=0.9)) < 0.01


def test_a_body_is_compared_where_it_should_be_by_now() -> None:
    moved = body(across=0.6)

    assert alike(body(), moved, (0.1 * WIDTH_PX, 0)) == pytest.approx(1, abs=1e-3)
    assert alike(body(), moved) < 0.8


def test_a_body_held_otherwise_is_less_like() -> None:
    assert alike(body(), body("bending")) < 0.9


def test_two_pairs_that_are_cheap_together_beat_the_cheapest_single_one() -> None:
    assert cheapest([(0, [(0.1, 7), (0.2, 8)]), (1, [(0.15, 7)])])[1] == {0: 8, 1: 7}


@given(
    st.lists(st.lists(st.floats(0, 1), min_size=3, max_size=3), min_size=1, max_size=4),
)
def test_no_pairing_is_cheaper(costs: list[list[float]]) -> None:
    choices = [(index, [*zip(row, range(3), strict=True)]) for index, row in enumerate(costs)]
    best, pairing = cheapest(choices)

    assert len(set(pairing.values())) == len(pairing)
    for partners in itertools.product([None, 0, 1, 2], repeat=len(costs)):
        taken = [partner for partner in partners if partner is not None]
        if len(set(taken)) == len(taken):
            cost = sum(
                UNPAIRED if partner is None else row[partner]
                for row, partner in zip(costs, partners, strict=True)
            )
            assert best <= cost + 1e-9
