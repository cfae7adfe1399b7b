from __future__ import annotations

import pytest

from pose_edge.evaluation.measures import Confusion, median, poisson_upper, quantile, wilson
from pose_edge.records import PostureClass

STANDING, SITTING, LYING = PostureClass.STANDING, PostureClass.SITTING, PostureClass.LYING


@pytest.mark.parametrize(
    ("hits", "total", "low", "high"),
    [(24, 24, 0.862, 1), (25, 25, 0.867, 1), (79, 79, 0.954, 1), (0, 16, 0, 0.194), (24, 30, 0.627, 0.905)],
)
def test_wilson_intervals_are_those_of_the_tables(hits: int, total: int, low: float, high: float) -> None:
    assert wilson(hits, total) == pytest.approx((low, high), abs=0.001)


def test_no_cases_have_no_interval() -> None:
    assert wilson(0, 0) is None


@pytest.mark.parametrize(("count", "upper"), [(0, 2.996), (1, 4.744), (5, 10.513), (100, 118.08)])
def test_the_limit_of_a_rate_is_that_of_the_poisson_distribution(count: int, upper: float) -> None:
    assert poisson_upper(count) == pytest.approx(upper, abs=0.01)


def test_quantiles_lie_between_neighbours() -> None:
    assert (median([3, 1, 2]), median([4, 1, 2, 3]), median([])) == (2, 2.5, None)
    assert quantile([0, 1, 2, 3, 4], 0.95) == pytest.approx(3.8)


def counted(*moments: tuple[PostureClass, PostureClass | None, int]) -> Confusion:
    confusion = Confusion()
    for truth, given, count in moments:
        for _ in range(count):
            confusion.add(truth, given)
    return confusion


def test_macro_f1_is_the_mean_over_the_labelled_classes() -> None:
    confusion = counted((STANDING, STANDING, 8), (STANDING, SITTING, 2), (SITTING, SITTING, 10))

    assert confusion.f1(STANDING) == pytest.approx(16 / 18)
    assert confusion.f1(SITTING) == pytest.approx(20 / 22)
    assert confusion.macro_f1() == pytest.approx((16 / 18 + 20 / 22) / 2)


def test_a_class_that_is_rare_weighs_as_much_as_the_others() -> None:
    assert counted((STANDING, STANDING, 99), (LYING, STANDING, 1)).macro_f1() == pytest.approx(198 / 199 / 2)


def test_no_answer_is_wrong_but_no_wrong_answer() -> None:
    confusion = counted((STANDING, STANDING, 5), (STANDING, None, 3), (STANDING, PostureClass.UNKNOWN, 2))

    assert (confusion.precision(STANDING), confusion.recall(STANDING)) == (1.0, 0.5)
    assert (confusion.answered, confusion.moments) == (5, 10)
    assert confusion.only_answered().macro_f1() == 1.0


def test_nothing_labelled_has_no_f1() -> None:
    assert Confusion().macro_f1() is None


def test_confusions_add_up() -> None:
    total = counted((STANDING, STANDING, 1))
    total += counted((STANDING, LYING, 3))

    assert total.recall(STANDING) == 0.25
