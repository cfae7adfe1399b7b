"""The runs of one round: each is done when the first row of `measures.py` asks for it, and only once."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Final, Self

from pose_edge.benchmark import clips, micro, ours
from pose_edge.benchmark.clips import Clip, Pictures
from pose_edge.benchmark.ours import Place, Run
from pose_edge.benchmark.reference import Bare, bare
from pose_edge.errors import PoseEdgeError
from pose_edge.records import PoseResult, Timing

CAMERA_HZ: Final = 15.0
"""What latencies are measured at: most cameras of this product run so."""

SETTLE_S: Final = 14.0
"""From the start of a daemon until it has been sure for 10 s that nobody is there, and slowed down."""

MOST_POSES: Final = 5

NIGHT_HZ: Final = 10.0
SHORT_NIGHT, LONG_NIGHT = 1_000, 29_800

EMPTY: Final = "acts: [{act: nobody, duration_s: 6}]"
ENTERING: Final = "acts:\n" + "".join(
    f"  - {{act: nobody, duration_s: {alone_s}}}\n"
    "  - {act: walk_in, duration_s: 2}\n"
    "  - {act: walk_out, duration_s: 2}\n"
    for alone_s in (4.0, 4.07, 4.13)
)
"""Three times, so that idling is met at different moments."""
ALONE_MS: Final = 2500
"""Whoever is seen after nobody was for so long has entered."""

OVERLOAD: Final = 3
"""Times as many frames as inference can take."""

LIVE_WARM: Final = 3
"""Times as many results of a live run as are left out at its beginning: a slow board takes longer."""


LEAST_FRAMES: Final = 4 * ours.WARM


@dataclass(frozen=True, slots=True)
class Lengths:
    """How much is run: as many frames as fit into so many seconds, whatever the board."""

    replay_s: float = 4.5
    live_s: float = 10.0
    crowd_s: float = 1.5
    pictures: int = 300
    """Different ones; what is longer repeats them."""
    growth_frames: int = 3000

    def for_rate(self, bare_hz: float) -> Self:
        """Return these, live runs long enough for results to be left after the first ones."""
        return replace(self, live_s=max(self.live_s, LIVE_WARM * ours.WARM / bare_hz))


QUICK: Final = Lengths(2.0, 5.0, pictures=60)


@dataclass
class Bench:
    """The runs of one round; each is done when the first row asks for it, and only once."""

    place: Place
    pictures: Pictures
    lengths: Lengths
    poses: list[PoseResult]
    bare_hz: float
    """What inference can take, measured before."""
    poses_found: dict[int, tuple[float, float]] = field(default_factory=dict)

    @cached_property
    def replay_clip(self) -> Clip:
        """Played as fast as it can be."""
        return self._clip("replay", 30.0, max(LEAST_FRAMES, round(self.lengths.replay_s * self.bare_hz)))

    @cached_property
    def overload_clip(self) -> Clip:
        """More frames a second than inference can take."""
        rate_hz = round(OVERLOAD * self.bare_hz)
        return self._clip("overload", rate_hz, round(rate_hz * self.lengths.live_s))

    @cached_property
    def camera_clip(self) -> Clip:
        """As a camera gives it."""
        return self._clip("camera", CAMERA_HZ, round(CAMERA_HZ * self.lengths.live_s))

    @cached_property
    def bare_replay(self) -> Bare:
        """Decoding, converting and inference in one loop."""
        return bare("video", self.replay_clip, self.place.model)

    @cached_property
    def bare_predecoded(self) -> Bare:
        """Inference only."""
        return bare("predecoded", self.replay_clip, self.place.model)

    @cached_property
    def replay(self) -> Run:
        """The replay of the same clip."""
        return ours.replay(self.place, self.replay_clip)

    @cached_property
    def bare_live(self) -> Bare:
        """LIVE_STREAM with too many frames."""
        return bare("live", self.overload_clip, self.place.model)

    @cached_property
    def live(self) -> Run:
        """The daemon with too many frames."""
        return ours.live(self.place, self.overload_clip)

    @cached_property
    def latencies_ms(self) -> list[float]:
        """From a frame being there to its message at the subscriber, without the inference."""
        timings_file = self.place.folder / "timings"
        run = ours.live(self.place, self.camera_clip, timings=timings_file)
        timings = ours.read_timings(timings_file)
        arrivals = run.warm_arrivals()
        return [_beyond_inference_ms(at_ns, timings[ms]) for at_ns, ms, _ in arrivals if ms in timings]

    @cached_property
    def idle_shares(self) -> tuple[float, float]:
        """Share of a core with nobody in view: as shipped, and always on."""
        frames = round(CAMERA_HZ * (self.lengths.live_s + SETTLE_S))
        clip = _write(self.place, clips.acted(EMPTY, CAMERA_HZ), "empty", CAMERA_HZ, frames)
        shipped = ours.live(self.place, clip)
        always = ours.live(self.place, clip, {"rate": {"idle_fps": None}})
        return shipped.cpu_share(SETTLE_S), always.cpu_share(SETTLE_S)

    @cached_property
    def entering_delays_ms(self) -> list[float]:
        """For each who enters: how much later the first pose came than always on.

        Both runs see the same pictures at the same times. The first idles early, so that it idles often.
        """
        pictures = clips.acted(ENTERING, CAMERA_HZ)
        clip = _write(self.place, pictures, "entering", CAMERA_HZ, len(pictures.images))
        idling = ours.live(self.place, clip, {"rate": {"idle_after_s": 1}})
        always = ours.live(self.place, clip, {"rate": {"idle_fps": None}})
        late_ms, early_ms = idling.entries_ms(ALONE_MS), always.entries_ms(ALONE_MS)
        if len(late_ms) != len(early_ms):
            raise PoseEdgeError(f"{len(early_ms)} were seen to enter always on, {len(late_ms)} when idling")
        return [late - early for late, early in zip(late_ms, early_ms, strict=True)]

    def poses_s(self, poses: int) -> tuple[float, float]:
        """Return how long a frame takes with so many people in view, ours and MediaPipe alone."""
        if poses not in self.poses_found:
            frames = max(LEAST_FRAMES, round(self.lengths.crowd_s * self.bare_hz))
            clip = _write(self.place, clips.crowd(self.pictures), "crowd", 30.0, frames)
            alone = bare("video", clip, self.place.model, poses)
            self.poses_found[poses] = 1 / ours.replay(self.place, clip, poses).rate_hz, 1 / alone.rate_hz
        return self.poses_found[poses]

    @cached_property
    def night_s(self) -> float:
        """How long 8 h of recorded poses take, by the difference of a long part and a short one."""
        took_s = []
        for count in (SHORT_NIGHT, LONG_NIGHT):
            path = self.place.folder / f"night-{count}.jsonl"
            if not path.exists():
                micro.record(self.poses, path, count, NIGHT_HZ)
            took_s.append(ours.recorded_s(path))
        each_s = (took_s[1] - took_s[0]) / (LONG_NIGHT - SHORT_NIGHT)
        return took_s[0] + each_s * (8 * 3600 * NIGHT_HZ - SHORT_NIGHT)

    @cached_property
    def growth(self) -> Run:
        """Many frames through the daemon."""
        rate_hz = round(self.bare_hz)
        clip = self._clip("growth", rate_hz, self.lengths.growth_frames)
        return ours.live(self.place, clip)

    def _clip(self, name: str, rate_hz: float, frames: int) -> Clip:
        return _write(self.place, self.pictures, name, rate_hz, frames)


def _write(place: Place, pictures: Pictures, name: str, rate_hz: float, frames: int) -> Clip:
    path = place.folder / f"{name}.mp4"
    if path.exists():
        return Clip(path, frames, rate_hz)
    return pictures.write(path, rate_hz, frames)


def _beyond_inference_ms(at_ns: int, timing: Timing) -> float:
    return (at_ns - timing.available_ns - (timing.finished_ns - timing.submitted_ns)) / 1e6
