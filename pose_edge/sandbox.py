"""Locks the calling process out of the network, for good and for all its children.

MediaPipe >= 1.0 contacts its maker's servers from native code and has no switch for it; it works
unchanged when the kernel refuses the sockets. So does everything else that sees pixels here.
"""

import errno
import logging
import socket

logger = logging.getLogger(__name__)

ALLOWED_FAMILIES = frozenset({socket.AF_NETLINK})
"""Netlink for udev: libcamera notices cameras with it, and it does not leave the machine. Local sockets do,
by whoever listens there: a bus, a broker, a proxy. Pairs (socketpair) have no address and stay allowed."""

HIGHEST_FAMILY = 63
"""Above every address family Linux knows (46, AF_MCTP, in 6.12); whatever is higher is refused as a range."""


def lock_network_out(*, only_this_thread: bool = False) -> str:
    """Refuse every network socket from now on; return what does it, or why nothing could.

    With `only_this_thread` the lock holds for the calling thread and what it starts from now on, and not for
    the threads that run beside it: a test process needs its sockets.

    Answers `seccomp` when the filter is in force. Otherwise the reason, for the log and for `info`: the
    process goes on, since on a kernel without seccomp a fall alert is worth more than none.

    Call it before threads are started and before MediaPipe is imported.
    """
    try:
        from pyseccomp import ALLOW, EQ, ERRNO, GT, Arg, Attr, SyscallFilter
    except (
        ImportError,
        OSError,
        RuntimeError,
    ) as error:  # the package, or the library below it, is not there
        return f"libseccomp cannot be loaded: {error}"
    # EACCES, not a kill: MediaPipe's attempt must fail like a closed firewall, and inference go on.
    refuse = ERRNO(errno.EACCES)
    try:
        network = SyscallFilter(ALLOW)
        # All threads: numpy's linear algebra starts some when it is imported. Refused where another filter
        # forbids seccomp itself, as that of a service may.
        network.set_attr(Attr.CTL_TSYNC, 0 if only_this_thread else 1)
        for family in range(HIGHEST_FAMILY + 1):
            if family not in ALLOWED_FAMILIES:
                network.add_rule(refuse, "socket", Arg(0, EQ, family))
        network.add_rule(refuse, "socket", Arg(0, GT, HIGHEST_FAMILY))
        # io_uring opens sockets without the socket call.
        network.add_rule(ERRNO(errno.ENOSYS), "io_uring_setup")
        network.load()
    except OSError as error:
        return f"the kernel refused the filter: {error.strerror or error}"
    return "seccomp"
