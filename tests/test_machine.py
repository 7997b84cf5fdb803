import platform

import pytest

from recyclenet.machine import adds_up_bytes_exactly


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
