"""Memory that training frees stays with the process: every step needs as much again."""

import ctypes
import sys

# From glibc's malloc.h.
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX = -1, -2, -4
_NEVER = 2**31 - 1
_GROWTH = 64 << 20


def keep_heap() -> bool:
    """Tells glibc's malloc not to give memory back to the system before the process ends.

    It asks the system anew for every block above 32 MB, and the system then has to find, clear and map each page of
    it. A batch's feature maps are such blocks (docs/performance.md).

    Returns:
        Whether there was such a malloc; elsewhere nothing changes.
    """
    if sys.platform != "linux":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
    if mallopt is None:
        return False
    settings = {_M_MMAP_MAX: 0, _M_TRIM_THRESHOLD: _NEVER, _M_TOP_PAD: _GROWTH}
    taken = [mallopt(option, value) == 1 for option, value in settings.items()]
    return all(taken)
