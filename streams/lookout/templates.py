"""Path templates of S3, `{{yyyyMMdd}}/{{HHmm}}`, and the paths of files here, `{date}/{time}`."""

from __future__ import annotations

import re

KEY = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")
#: What may follow one another in a template, and what that is here; the longest first.
PARTS = {
    "yyyyMMdd": "{date}", "HHmm": "{time}",
    "yyyy": "{year}", "MM": "{month}", "dd": "{day}", "HH": "{hour}", "mm": "{minute}",
}  # fmt: skip
_PART = re.compile("|".join(PARTS))


def path_of(template: str) -> str | None:
    """The path of a template; None where it says what a path cannot say here, or not of which day a file is.

    >>> path_of("s3://shop/live/{{yyyyMMdd}}/{{HHmm}}/"), path_of("s3://shop/{{yyyy}}/{{MM}}/{{dd}}/{{HH}}/")
    ('s3://shop/live/{date}/{time}/', 's3://shop/{year}/{month}/{day}/{hour}/')
    >>> path_of("s3://shop/{{yyyy}}/{{ww}}/")
    """
    known = True

    def part(match: re.Match[str]) -> str:
        nonlocal known
        known &= not _PART.sub("", match[1]).strip("-_ ")
        return _PART.sub(lambda java: PARTS[java[0]], match[1])

    path = KEY.sub(part, template)
    # What else is in braces would be a part of the path that is not known here.
    known &= not re.search(r"[{}]", KEY.sub("", template))
    says_the_day = "{date}" in path or all(part in path for part in ("{year}", "{month}", "{day}"))
    return path if known and says_the_day else None
