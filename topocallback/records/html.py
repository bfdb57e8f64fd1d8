"""Text and small tables in HTML."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape as escape_markup

from topocallback.records.wording import shown_lines

__all__ = ["escape", "html_table"]

_MOST_ROWS = 30


def escape(text: str) -> str:
    r"""A text for HTML that shows as it is: no markup, and what is not printable in it is written out.

    Example:
        >>> escape("a<b>"), escape("run\udcff")
        ('a&lt;b&gt;', 'run\\udcff')
    """
    return escape_markup(shown_lines(text))


def html_table(caption: str, header: Sequence[str], rows: Sequence[Sequence[object]], notes: Iterable[str] = ()) -> str:
    """A table with a caption above and notes below; every text in it is escaped.

    Args:
        caption: What the table shows.
        header: The columns' names.
        rows: The rows, of which the first 30 are shown and the others counted; numbers have four digits.
        notes: Sentences.

    Returns:
        HTML text.

    Example:
        >>> html_table("Two & more", ["layer", "points"], [["<stem>", 5]]).count("&lt;stem&gt;")
        1
    """
    shown = "".join(
        f"<tr>{''.join(f'<td>{escape(_text(value))}</td>' for value in row)}</tr>" for row in rows[:_MOST_ROWS]
    )
    if len(rows) > _MOST_ROWS:
        notes = [f"... and {len(rows) - _MOST_ROWS} more rows.", *notes]
    names = "".join(f"<th>{escape(name)}</th>" for name in header)
    return (
        f"<table><caption>{escape(caption)}</caption><thead><tr>{names}</tr></thead><tbody>{shown}</tbody></table>"
        f"{''.join(f'<div>{escape(note)}</div>' for note in notes)}"
    )


def _text(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
