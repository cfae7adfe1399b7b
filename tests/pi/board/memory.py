"""Buffers for picamera2 where there is no /dev/dma_heap: anonymous files, which libcamera maps as well."""

from __future__ import annotations

import mmap
import os
from typing import Any, Final

import libcamera
import numpy as np
from picamera2.allocators.allocator import Allocator, Sync
from picamera2.allocators.dmaallocator import DmaAllocator

from tests.pi.board import switches
from tests.pi.board.pixels import Layout, present
from tests.pi.board.sensor import streaming

PAGE_BYTES: Final = mmap.PAGESIZE
MIRRORED: Final = {
    libcamera.Orientation.Rotate0: (False, False),
    libcamera.Orientation.Rotate0Mirror: (True, False),
    libcamera.Orientation.Rotate180: (True, True),
    libcamera.Orientation.Rotate180Mirror: (False, True),
}


class MemoryAllocator(DmaAllocator):  # type: ignore[misc]  # picamera2 has no types here
    """picamera2's own, with memory from elsewhere; what libcamera writes is copied out as a Pi has it."""

    def __init__(self) -> None:
        Allocator.__init__(self)
        self.dmaHeap = None
        self.mapped_buffers: dict[Any, mmap.mmap] = {}
        self.mapped_buffers_used: dict[int, bool] = {}
        self.frame_buffers: dict[Any, list[Any]] = {}
        self.open_fds: list[int] = []
        self.libcamera_fds: list[int] = []
        self.sync = _NoSync
        self.layouts: list[tuple[Layout, Layout]] = []
        """Of each stream since the last allocation: as the software camera gives it, as it is presented."""
        self._written: dict[Any, tuple[mmap.mmap, Layout, Layout]] = {}

    def allocate(self, libcamera_config: Any, _: Any) -> None:
        """Make the buffers of all streams."""
        self._forget()
        layouts, self.layouts = self.layouts[-len(libcamera_config) :], []
        for stream_config, (given, shown) in zip(libcamera_config, layouts, strict=True):
            buffers = [self._buffer(given, shown) for _ in range(stream_config.buffer_count)]
            self.frame_buffers[stream_config.stream] = buffers

    def acquire(self, buffers: Any) -> None:
        """A picture is complete."""
        horizontal, vertical = MIRRORED.get(streaming().orientation, (False, False))
        for buffer in buffers.values():
            written, given, shown = self._written[buffer]
            nv12 = np.frombuffer(written, np.uint8)
            target = np.frombuffer(self.mapped_buffers[buffer], np.uint8)
            if given.width_px == shown.width_px:
                present(nv12, shown, target[: shown.size], horizontal=horizontal, vertical=vertical)
        super().acquire(buffers)

    def cleanup(self) -> None:
        """Forget buffers that nobody uses."""
        super().cleanup()
        for buffer in [each for each in self._written if each not in self.mapped_buffers]:
            del self._written[buffer]

    def _forget(self) -> None:
        self.libcamera_fds = []
        self.cleanup()
        for descriptor in self.open_fds:
            os.close(descriptor)
        self.frame_buffers, self.open_fds = {}, []

    def _buffer(self, given: Layout, shown: Layout) -> Any:
        luma = given.width_px * given.height_px
        descriptor = os.memfd_create("camera", os.MFD_CLOEXEC)
        os.ftruncate(descriptor, -(-luma * 3 // 2 // PAGE_BYTES) * PAGE_BYTES)
        self.open_fds.append(descriptor)
        buffer = libcamera.FrameBuffer(
            [_plane(descriptor, 0, luma), _plane(descriptor, luma, luma // 2)],
        )
        key = buffer.planes[0].fd
        self.libcamera_fds.append(key)
        self.mapped_buffers_used[key] = False
        self.mapped_buffers[buffer] = mmap.mmap(-1, shown.size)
        self._written[buffer] = (mmap.mmap(descriptor, luma * 3 // 2), given, shown)
        return buffer


def _plane(descriptor: int, offset: int, length: int) -> Any:
    plane = libcamera.FrameBuffer.Plane()
    plane.fd, plane.offset, plane.length = descriptor, offset, length
    return plane


class _NoSync(Sync):  # type: ignore[misc]  # picamera2 has no types here
    """Ordinary memory needs no cache to be told."""

    def __init__(self, allocator: MemoryAllocator, buffer: Any, write: bool) -> None:  # noqa: ARG002  # picamera2's
        self._allocator, self._buffer = allocator, buffer

    def __enter__(self) -> Any:
        mapped = self._allocator.mapped_buffers.get(self._buffer)
        if mapped is None:
            msg = "failed to find buffer in DmaSync"
            raise RuntimeError(msg)
        return memoryview(mapped)[: len(mapped) // 2] if switches.is_on("short_buffers") else mapped

    def __exit__(self, *_: object) -> None:
        """Nothing to do; picamera2 calls it without arguments too."""
