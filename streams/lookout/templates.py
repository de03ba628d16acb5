"""Path templates of S3, `{{yyyyMMdd}}/{{HHmm}}`, and the paths of files here, `{date}/{time}`."""

from __future__ import annotations

import re

KEY = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")
#: What may follow one another in a template, and what that is here.
PARTS = (("yyyyMMdd", "{date}"), ("HHmm", "{time}"))


def path_of(template: str) -> tuple[str, bool] | None:
    """The path of a template, and whether it says of which interval a file is to the minute.

    An hour by itself cannot be said: all files of that day are looked through then. None where the day is
    said in another way than as 20260131.

    >>> path_of("s3://shop/live/{{yyyyMMdd}}/{{HHmm}}/")
    ('s3://shop/live/{date}/{time}/', True)
    >>> path_of("s3://shop/{{yyyy}}{{MM}}{{dd}}/{{HH}}/")
    ('s3://shop/{date}/*/*', False)
    >>> path_of("s3://shop/{{yyyy}}/{{MM}}/{{dd}}/")
    """
    joined = template
    while joined != (joined := re.sub(r"\}\}\{\{", "", joined)):
        pass
    exact = True

    def part(match: re.Match[str]) -> str:
        nonlocal exact
        key = match[1]
        for java, here in PARTS:
            key = key.replace(java, here)
        if re.fullmatch(r"(?:\{date\}|\{time\})+", key):
            return key
        if re.search("[yYMd]", re.sub(r"\{\w+\}", "", key)):
            return "{unknown}"
        exact = False
        return "{date}*" if "{date}" in key else "*"

    # What else is in braces would be a part of the path that is not known here.
    path = KEY.sub(part, joined)
    if (
        "{unknown}" in path
        or "{date}" not in path
        or re.search(r"[{}]", re.sub(r"\{(date|time)\}", "", path))
    ):
        return None
    # A template is of a folder; a pattern is of files.
    return (path, True) if exact else (f"{path.rstrip('/')}/*", False)
