"""What a figure was measured on."""

import os
import platform
import subprocess
from pathlib import Path


def processor() -> str:
    """The processor's model name, as the system tells it."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as info:
            return next((line.split(":", 1)[1].strip() for line in info if line.startswith("model name")), "")
    except OSError:
        return platform.processor()


def adds_up_bytes_exactly(cpuinfo: str = "/proc/cpuinfo") -> bool:
    """Whether sums of products of 8-bit numbers are exact here: not on x86 without VNNI, where two of them saturate.

    Args:
        cpuinfo: where the system tells the processor's abilities; where it does not, they count as missing.
    """
    if platform.machine().lower() not in ("x86_64", "amd64", "i386", "i686"):
        return True
    try:
        with open(cpuinfo, encoding="utf-8") as info:
            abilities = next((line.split() for line in info if line.startswith("flags")), [])
    except OSError:
        return False
    return not {"avx512_vnni", "avx_vnni"}.isdisjoint(abilities)


def usable_cores() -> int:
    """Those that this process may use, which in a container or under taskset are fewer than the machine's."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def free_memory(meminfo: str = "/proc/meminfo") -> int | None:
    """Bytes that programs may still ask for without swapping; None where the system does not tell.

    Args:
        meminfo: where Linux tells.
    """
    try:
        with open(meminfo, encoding="utf-8") as info:
            line = next((line for line in info if line.startswith("MemAvailable:")), None)
    except OSError:
        return None
    return None if line is None else int(line.split()[1]) * 1024


def describe() -> dict[str, str | int | None]:
    """Processor, cores, system and Python version, for a report."""
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "system": platform.system(),
        "python": platform.python_version(),
    }


def commit() -> str | None:
    """The commit of the checkout that this program runs from, "+" appended if files differ from it; None elsewhere."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():  # installed: a repository further up would be somebody else's
        return None
    try:
        revision, status = (
            subprocess.run(["git", "-C", root, *words], capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603, S607
            for words in (("rev-parse", "--short=12", "HEAD"), ("status", "--porcelain", "--untracked-files=no"))
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return f"{revision}+" if status else revision
