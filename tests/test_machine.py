import platform

import pytest

from recyclenet.machine import adds_up_bytes_exactly, free_memory


@pytest.mark.parametrize(
    ("machine", "flags", "exact"),
    [
        ("x86_64", "fpu avx2 avx512f avx512_vnni", True),
        ("AMD64", "fpu avx2 avx_vnni", True),
        ("x86_64", "fpu avx2 avx512f", False),
        ("aarch64", "asimd", True),
    ],
)
def test_bytes_saturate_on_x86_without_vnni(machine, flags, exact, tmp_path, monkeypatch):
    monkeypatch.setattr(platform, "machine", lambda: machine)
    (tmp_path / "cpuinfo").write_text(f"processor: 0\nflags: {flags}\n")
    assert adds_up_bytes_exactly(str(tmp_path / "cpuinfo")) is exact
    assert adds_up_bytes_exactly(str(tmp_path / "missing")) is (machine == "aarch64")


def test_free_memory_is_what_the_system_tells(tmp_path):
    told = tmp_path / "meminfo"
    told.write_text("MemTotal:       16000000 kB\nMemAvailable:    1234 kB\n")
    assert free_memory(str(told)) == 1234 * 1024
    told.write_text("MemTotal:       16000000 kB\n")
    assert free_memory(str(told)) is None
    assert free_memory(str(tmp_path / "nowhere")) is None
