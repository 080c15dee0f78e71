"""Good examples, damaged: a hypothesis strategy, for where no coverage guides the damage."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.fuzz.corpus import TOKENS, seeds


@st.composite
def mutated(draw: st.DrawFn, target: str) -> bytes:
    """Return one of a target's seeds with pieces cut out, doubled, exchanged with another's, and put in."""
    corpus = seeds(target)
    raw = draw(st.sampled_from(corpus))
    for _ in range(draw(st.integers(0, 5))):
        start = draw(st.integers(0, len(raw)))
        end = min(len(raw), start + draw(st.integers(0, 60)))
        match draw(st.integers(0, 5)):
            case 0:
                raw = raw[:start] + raw[end:]
            case 1:
                raw = raw[:end] + raw[start:]
            case 2:
                other = draw(st.sampled_from(corpus))
                raw = raw[:start] + other[start:end] + raw[end:]
            case 3:
                raw = raw[:start] + draw(st.sampled_from(TOKENS)) + raw[end:]
            case 4:
                raw = raw[:start] + draw(st.binary(max_size=8)) + raw[end:]
            case _:
                raw = _exchange(draw, raw, corpus)
    return raw


def _exchange(draw: st.DrawFn, raw: bytes, corpus: list[bytes]) -> bytes:
    """Put one value (what stands between quotes, or between tags) in the place of another."""
    places = [n for n, byte in enumerate(raw) if byte in b'">']
    other = draw(st.sampled_from(corpus))
    theirs = [n for n, byte in enumerate(other) if byte in b'">']
    if not places or not theirs:
        return raw
    here, there = draw(st.sampled_from(places)) + 1, draw(st.sampled_from(theirs)) + 1
    end = min((n for n in (raw.find(b'"', here), raw.find(b"<", here)) if n >= 0), default=len(raw))
    until = min((n for n in (other.find(b'"', there), other.find(b"<", there)) if n >= 0), default=len(other))
    return raw[:here] + other[there:until] + raw[end:]
