"""rules.toml: whose bins a decision goes to."""

from importlib.resources import files

from recyclenet.rules import RULES, load_rules
from tests.fuzz.hostile import TEXT_TOKENS, Form, Target
from tests.fuzz.targets.scratch import scratch_file

_SHIPPED = [files("recyclenet.configs.rules").joinpath(f"{name}.toml").read_bytes() for name in RULES]
_TOKENS = (b"[bins.x]", b"[costs.of.glass]", b"ask", b"glass", b'"#123456"', b"hint", b"{name=1}", b'"\\u001b"')


def _read(data: bytes) -> None:
    rules = load_rules(str(scratch_file("rules", "rules.toml", data)))
    for known in (*rules.materials, "something else"):
        decision = rules.decide({known: 0.75, "glass": 0.25})
        assert decision.key is None or decision.bin is rules.bins[decision.key]
        assert 0 <= decision.cost <= 1e6
        assert decision.reason.isprintable()


TARGET = Target([Form(data) for data in _SHIPPED], _read, (*TEXT_TOKENS, *_TOKENS))
