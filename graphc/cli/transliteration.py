"""What a terminal without Unicode shows: a minus sign stays a minus sign."""

from __future__ import annotations

import codecs
import io
import unicodedata

HANDLER = "graphc.transliterate"

_ASCII_CODEC = "graphc_ascii"
"""ASCII under another name: of a stream that says ASCII click believes that it means UTF-8."""

_ASCII = {
    "−": "-", "–": "-", "—": "-", "×": "x", "·": "*", "⋅": "*", "÷": "/", "∂": "d", "∇": "grad ", "√": "sqrt", "∞": "inf",
    "Σ": "sum", "∑": "sum", "∏": "prod", "π": "pi", "→": "->", "←": "<-", "↑": "^", "↓": "v", "⇒": "=>", "≤": "<=", "≥": ">=",
    "≠": "!=", "≈": "~", "…": "...", "‖": "||", "µ": "u", "μ": "mu", "“": '"', "”": '"', "‘": "'", "’": "'", "✓": "ok", "✗": "x",
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "epsilon", "θ": "theta", "λ": "lambda", "σ": "sigma", "φ": "phi",
    "ω": "omega", "Δ": "Delta", "█": "#", "│": "|", "─": "-",
}  # fmt: skip


def ascii_text(text: str) -> str:
    """A text in ASCII: its signs by what they mean, digits and letters without what stands over or under them, ? for the rest.

    >>> ascii_text("∂L/∂x₁ = −1.5·10⁻³")
    'dL/dx1 = -1.5*10-3'
    """
    return "".join(_ASCII.get(letter) or _plain(letter) for letter in text)


def _plain(letter: str) -> str:
    """Its compatibility form, as 1 of ₁, e of é and the minus of ⁻."""
    plain = "".join(_ASCII.get(part, part) for part in unicodedata.normalize("NFKD", letter))
    return plain.encode("ascii", "ignore").decode() or ("" if unicodedata.combining(letter) else "?")


def _transliterate(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return ascii_text(error.object[error.start : error.end]), error.end


def _ascii_codec(name: str) -> codecs.CodecInfo | None:
    if name != _ASCII_CODEC:
        return None
    ascii_ = codecs.lookup("ascii")
    return codecs.CodecInfo(
        ascii_.encode, ascii_.decode, ascii_.streamreader, ascii_.streamwriter,
        ascii_.incrementalencoder, ascii_.incrementaldecoder, name,
    )  # fmt: skip


def transliterate(stream: object) -> None:
    """From now on a stream of text writes what its encoding does not have by what it means."""
    if isinstance(stream, io.TextIOWrapper):
        plain = codecs.lookup(stream.encoding).name == "ascii"
        stream.reconfigure(encoding=_ASCII_CODEC if plain else None, errors=HANDLER)


codecs.register_error(HANDLER, _transliterate)
codecs.register(_ascii_codec)
