"""Judged clips -> summary, the levels behind it, and everything as JSON."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from pose_edge.evaluation.judging import (
    CONFIRMED,
    SUSPECTED,
    ClipResult,
    FallVerdict,
    Judged,
    WordVerdict,
)
from pose_edge.evaluation.measures import Confusion, median, poisson_upper, quantile, wilson

Json = dict[str, Any]

SHARES: Final = {
    "floor_falls_suspected": "floor_falls_total",
    "floor_falls_suspected_held": "floor_falls_total",
    "falls_suspected": "falls_total",
    "falls_suspected_held": "falls_total",
    "falls_confirmed_held": "falls_total",
    "others_false_suspected": "others_total",
    "others_false_confirmed": "others_total",
    "expect_met": "expect_total",
}
"""Counts of the summary that are shares of another one."""


def summary(clips: Sequence[ClipResult]) -> Json:
    """Return the figures everything else explains.

    `..._held`: with the last frame held. Falls and words are counted, and clips where no fall is labelled
    (`others`): suspected and confirmed falls in them are false, also in the hold.
    """
    falls = [fall for clip in clips for fall in clip.falls]
    floor = [fall for fall in falls if fall.floor]
    others = [clip for clip in clips if not clip.is_fall_clip]
    expected = [word for clip in clips for word in clip.expect if word.judged]
    forbidden = [word for clip in clips for word in clip.never if word.judged]
    return {
        "falls_total": len(falls),
        "floor_falls_total": len(floor),
        "floor_falls_suspected": sum(fall.as_is for fall in floor),
        "floor_falls_suspected_held": _count(floor, "suspected_s"),
        "falls_suspected": sum(fall.as_is for fall in falls),
        "falls_suspected_held": _count(falls, "suspected_s"),
        "falls_confirmed_held": _count(falls, "confirmed_s"),
        "others_total": len(others),
        "others_false_suspected": sum(bool(clip.false_alarms(SUSPECTED)) for clip in others),
        "others_false_confirmed": sum(bool(clip.false_alarms(CONFIRMED)) for clip in others),
        "onset_to_suspected_s_median": _rounded(median(_delays(falls, "start", "suspected_s"))),
        "posture_macro_f1": _rounded(_all(clips, "reported").macro_f1(), 4),
        "expect_met": sum(word.said_s is not None for word in expected),
        "expect_total": len(expected),
        "never_violated": sum(word.said_s is not None for word in forbidden),
    }


def intervals(figures: Mapping[str, Any]) -> dict[str, list[float] | None]:
    """Return Wilson's 95 % interval of each share in a summary."""
    found: dict[str, list[float] | None] = {}
    for name, total in SHARES.items():
        interval = wilson(figures[name], figures[total])
        found[name] = None if interval is None else [round(bound, 3) for bound in interval]
    return found


def levels(clips: Sequence[ClipResult]) -> Json:
    """Return what the summary is made of, by the levels of the evaluation protocol."""
    return {
        "L1_clips": {
            "by_source": _groups(clips, lambda clip: clip.clip.source.repo or "not stated"),
            "by_fall": _falls_by(clips),
            "false_alarms_in_fall_clips": {
                "suspected": sum(bool(c.false_alarms(SUSPECTED)) for c in clips if c.is_fall_clip),
                "confirmed": sum(bool(c.false_alarms(CONFIRMED)) for c in clips if c.is_fall_clip),
            },
        },
        "L2_continuous": _continuous([clip for clip in clips if clip.clip.continuous]),
        "L3_latency_s": _latency([fall for clip in clips for fall in clip.falls]),
        "L4_posture": {
            name: _posture(_all(clips, name)) for name in ("reported", "at_the_time", "memoryless")
        }
        | {"switches_per_minute": _switches_per_minute(clips)},
        "presence": {
            "wrong_s": round(sum(clip.presence_wrong_s()[0] for clip in clips), 2),
            "labelled_s": round(sum(clip.presence_wrong_s()[1] for clip in clips), 2),
        },
    }


def clip_report(result: ClipResult) -> Json:
    """Return everything about one clip."""
    played = result.played
    return {
        "file": result.clip.file,
        "duration_s": round(played.duration_s, 3),
        "frames": len(played.moments),
        "frames_with_pose": sum(moment.poses > 0 for moment in played.moments),
        "frames_with_person": sum(moment.people > 0 for moment in played.moments),
        "present_s": round(result.present_s(), 2),
        "presence_wrong_s": round(result.presence_wrong_s()[0], 2),
        "landmarks_from_cache": result.from_cache,
        "sha256_matches": result.sha256_matches,
        "falls": [_fall(fall) for fall in result.falls],
        "false_suspected": len(result.false_alarms(SUSPECTED)),
        "false_confirmed": len(result.false_alarms(CONFIRMED)),
        "expect": [_word(word, "met") for word in result.expect],
        "never": [_word(word, "violated") for word in result.never],
        "posture": {
            "moments": result.posture.reported.moments,
            "right_reported": _share_right(result.posture.reported),
            "right_memoryless": _share_right(result.posture.memoryless),
        },
        "events": [event_report(judged) for judged in result.events],
    }


def event_report(judged: Judged) -> Json:
    """Return one event with its decision; seconds count from the first frame."""
    event = judged.event
    return {
        "at_s": round(event.timestamp_ms / 1000, 3),
        "event_type": event.event_type,
        "kind": event.kind,
        "stage": event.stage.value,
        "number": event.number,
        "start_s": round(event.start_ms / 1000, 3),
        "end_s": None if event.end_ms is None else round(event.end_ms / 1000, 3),
        "in_hold": judged.in_hold,
        "decision": judged.decision,
        "about": judged.about,
        "person_id": event.person_id,
        "severity": event.severity,
        "confidence": event.confidence,
        "reason": event.reason,
        **{f"{key}": value for key, value in event.details.items()},
        "evidence": dict(event.evidence),
    }


def differences(base: Mapping[str, Any], other: Mapping[str, Any]) -> Json:
    """Return by how much figures differ, where they do."""
    return {
        name: round(other[name] - value, 4)
        for name, value in base.items()
        if value is not None and other[name] is not None and other[name] != value
    }


def _count(falls: Iterable[FallVerdict], field: str) -> int:
    return sum(getattr(fall, field) is not None for fall in falls)


def _delays(falls: Iterable[FallVerdict], since: str, until: str) -> list[float]:
    return [
        getattr(fall, until) - getattr(fall.label, since)
        for fall in falls
        if getattr(fall, until) is not None
    ]


def _all(clips: Iterable[ClipResult], name: str) -> Confusion:
    total = Confusion()
    for clip in clips:
        total += getattr(clip.posture, name)
    return total


def _rounded(value: float | None, digits: int = 3) -> float | None:
    return None if value is None else round(value, digits)


def _rate(hits: int, total: int) -> Json:
    interval = wilson(hits, total)
    return {"hits": hits, "total": total, "wilson_95": interval and [round(bound, 3) for bound in interval]}


def _groups(clips: Sequence[ClipResult], key: Callable[[ClipResult], str]) -> Json:
    grouped: defaultdict[str, list[ClipResult]] = defaultdict(list)
    for clip in clips:
        grouped[key(clip)].append(clip)
    return {name: _group(members) for name, members in sorted(grouped.items())}


def _group(clips: Sequence[ClipResult]) -> Json:
    falls = [fall for clip in clips for fall in clip.falls]
    others = [clip for clip in clips if not clip.is_fall_clip]
    return {
        "clips": len(clips),
        "falls_suspected": _rate(sum(fall.as_is for fall in falls), len(falls)),
        "falls_suspected_held": _rate(_count(falls, "suspected_s"), len(falls)),
        "falls_confirmed_held": _rate(_count(falls, "confirmed_s"), len(falls)),
        "others_clean": _rate(sum(not clip.false_alarms(SUSPECTED) for clip in others), len(others)),
        "others_not_confirmed": _rate(sum(not clip.false_alarms(CONFIRMED) for clip in others), len(others)),
    }


def _falls_by(clips: Sequence[ClipResult]) -> Json:
    grouped: defaultdict[str, list[FallVerdict]] = defaultdict(list)
    for clip in clips:
        for fall in clip.falls:
            where = fall.label.surface or "surface not stated"
            grouped[f"{fall.label.direction or 'direction not stated'}, {where}"].append(fall)
            grouped["all floor falls" if fall.floor else "all ambiguous falls"].append(fall)
    return {
        name: {
            "suspected": _rate(sum(fall.as_is for fall in falls), len(falls)),
            "suspected_held": _rate(_count(falls, "suspected_s"), len(falls)),
            "confirmed_held": _rate(_count(falls, "confirmed_s"), len(falls)),
        }
        for name, falls in sorted(grouped.items())
    }


def _continuous(clips: Sequence[ClipResult]) -> Json | None:
    """Return false alarms by the hour; None where no clip is `continuous`.

    Clips cut to an action say nothing about hours: in a home most hours have none of it.
    """
    if not clips:
        return None
    watched_h = sum(clip.played.duration_s for clip in clips) / 3600
    present_h = sum(clip.present_s() for clip in clips) / 3600
    return {
        "clips": len(clips),
        "hours": round(watched_h, 4),
        "person_present_hours": round(present_h, 4),
        **{
            word: _alarm_rate(_false_alarms_within(clips, event_type), watched_h, present_h)
            for word, event_type in (("suspected", SUSPECTED), ("confirmed", CONFIRMED))
        },
    }


def _false_alarms_within(clips: Sequence[ClipResult], event_type: str) -> int:
    """Count alarms, not their repetitions; footage that goes on needs no hold."""
    return sum(
        len({e.number for e in clip.false_alarms(event_type) if not clip.played.in_hold(e)}) for clip in clips
    )


def _alarm_rate(count: int, watched_h: float, present_h: float) -> Json:
    upper = poisson_upper(count)
    return {
        "false_alarms": count,
        "per_present_hour": round(count / present_h, 4) if present_h else None,
        "per_present_hour_below_95": round(upper / present_h, 4) if present_h else None,
        "per_camera_day": round(24 * count / watched_h, 4) if watched_h else None,
        "per_camera_day_below_95": round(24 * upper / watched_h, 4) if watched_h else None,
    }


def _latency(falls: Sequence[FallVerdict]) -> Json:
    spans = {
        "onset_to_suspected": _delays(falls, "start", "suspected_s"),
        "on_ground_to_suspected": _delays(falls, "on_ground", "suspected_s"),
        "on_ground_to_confirmed": _delays(falls, "on_ground", "confirmed_s"),
    }
    return {
        name: {
            "n": len(delays),
            "median": _rounded(median(delays)),
            "p95": _rounded(quantile(delays, 0.95)),
            "max": _rounded(max(delays, default=None)),
        }
        for name, delays in spans.items()
    }


def _posture(counts: Confusion) -> Json:
    return {
        "macro_f1": _rounded(counts.macro_f1(), 4),
        "macro_f1_where_answered": _rounded(counts.only_answered().macro_f1(), 4),
        "moments": counts.moments,
        "coverage": _rounded(counts.answered / counts.moments) if counts.moments else None,
        "classes": {
            posture.value: {
                "f1": _rounded(counts.f1(posture)),
                "precision": _rounded(counts.precision(posture)),
                "recall": _rounded(counts.recall(posture)),
            }
            for posture in counts.labelled()
        },
        "confusion": {
            truth.value: {
                (given.value if given else "none"): count
                for (label, given), count in sorted(counts.counts.items(), key=str)
                if label is truth
            }
            for truth in counts.labelled()
        },
    }


def _switches_per_minute(clips: Sequence[ClipResult]) -> float | None:
    """Return how often the posture in `state` went from one class to another."""
    switches, minutes = 0, 0.0
    for clip in clips:
        told = [moment.told for moment in clip.played.moments if moment.told is not None]
        switches += sum(one is not other for one, other in itertools.pairwise(told))
        minutes += clip.played.duration_s / 60
    return _rounded(switches / minutes, 2) if minutes else None


def _share_right(counts: Confusion) -> float | None:
    right = sum(count for (truth, given), count in counts.counts.items() if truth is given)
    return _rounded(right / counts.moments) if counts.moments else None


def _fall(fall: FallVerdict) -> Json:
    label = fall.label
    return {
        "start": label.start,
        "on_ground": label.on_ground,
        "direction": label.direction,
        "surface": label.surface,
        "floor": fall.floor,
        "suspected": fall.as_is,
        "suspected_held": fall.suspected_s is not None,
        "confirmed_held": fall.confirmed_s is not None,
        "suspected_s": _rounded(fall.suspected_s),
        "confirmed_s": _rounded(fall.confirmed_s),
        "onset_to_suspected_s": None
        if fall.suspected_s is None
        else round(fall.suspected_s - label.start, 3),
        "reason": fall.reason,
    }


def _word(verdict: WordVerdict, word: str) -> Json:
    said = verdict.said_s is not None
    return {
        "word": verdict.word,
        "judged": verdict.judged,
        word: said if verdict.judged else None,
        "said_s": _rounded(verdict.said_s),
    }
