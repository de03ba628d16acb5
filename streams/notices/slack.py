"""A message for Slack, in blocks (https://docs.slack.dev/block-kit), within the lengths that it takes."""

from __future__ import annotations

from typing import Any

from streams.notices.notice import Notice, shortened
from streams.notices.texts import headline, sections

LONGEST_TEXT, LONGEST_HEADER, LONGEST_SECTION = 4_000, 150, 3_000
MOST_BLOCKS = 50
#: Beyond some 13,000 characters in all, a message is refused as well.
LONGEST_OF_ALL = 12_000


def message(notice: Notice) -> dict[str, Any]:
    """The message; `text` is for where blocks are not shown, such as a notification."""
    alert = notice.alert
    mark = ":white_check_mark:" if notice.over else ":rotating_light:"
    blocks: list[dict[str, Any]] = [
        {
            "type": "header",
            "text": {"type": "plain_text", "text": shortened(headline(alert), LONGEST_HEADER)},
        },
        _section(f"{mark} {escaped(alert.summary)}"),
    ]
    left = LONGEST_OF_ALL
    for title, lines in sections(alert):
        said = "\n".join([f"*{title}*", *(f"• {escaped(line)}" for line in lines)])[:LONGEST_SECTION]
        if len(said) > left or len(blocks) >= MOST_BLOCKS - 2:
            break
        blocks.append(_section(said))
        left -= len(said)
    if notice.link is not None:
        blocks.append(_section(f"<{notice.link}|Show it>"))
    at = f"{alert.start:%Y-%m-%d %H:%M} UTC · {escaped(alert.group)} · revision {alert.revision}"
    blocks.append({"type": "context", "elements": [_markup(at)]})
    text = f"{headline(alert)}: {alert.summary}"
    return {"text": shortened(escaped(text), LONGEST_TEXT), "blocks": blocks}


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": _markup(shortened(text, LONGEST_SECTION))}


def _markup(text: str) -> dict[str, Any]:
    """A text with styles, in which an address that someone wrote does not become a link."""
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def escaped(text: str) -> str:
    """A text in which Slack reads nothing as its own: no mention, no link.

    >>> escaped("<!channel> & more")
    '&lt;!channel&gt; &amp; more'
    """
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
