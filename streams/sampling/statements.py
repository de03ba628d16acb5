"""The text of a statement → the same without its values, so that those that differ in these are one.

Values of strangers are in statements: an address, a name, a password. Unless somebody asks for the text as it
is, nothing of them leaves this process.
"""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache

from sqlglot import TokenError, TokenType, tokenize

#: A statement may be as long as a server keeps it, usually a kilobyte.
LONGEST = 1_000
_VALUES = {
    TokenType.STRING, TokenType.NUMBER, TokenType.BIT_STRING, TokenType.HEX_STRING, TokenType.BYTE_STRING,
    TokenType.NATIONAL_STRING, TokenType.RAW_STRING, TokenType.HEREDOC_STRING, TokenType.UNICODE_STRING,
    TokenType.PLACEHOLDER,
}  # fmt: skip
#: A list of values is one value, however long it is.
_LIST = re.compile(r"\?(?:\s*,\s*\?)+")
_ROWS = re.compile(r"\(\s*\?\s*\)(?:\s*,\s*\(\s*\?\s*\))+")
_NUMBERED = re.compile(r"\$\d+")
#: What is left of a statement that cannot be read, such as one that the server has cut in a text.
_WORD = re.compile(r"\s*([A-Za-z]+)")


@lru_cache(maxsize=4096)
def normalised(statement: str, dialect: str) -> str:
    """A statement without values, on one line.

    >>> normalised("SELECT * FROM t WHERE id = 7 AND name IN ('a', 'b')", "postgres")
    'SELECT * FROM t WHERE id = ? AND name IN (?)'
    >>> normalised("INSERT INTO t VALUES (1, 'x'), (2, 'y') -- secret", "mysql")
    'INSERT INTO t VALUES (?)'
    >>> normalised("UPDATE users SET password = 'half of i", "postgres")
    'UPDATE …'
    """
    try:
        tokens = tokenize(_NUMBERED.sub("0", statement), read=dialect)
    except TokenError:
        # Cut within a text: where that begins cannot be known, so nothing of it is shown.
        word = _WORD.match(statement)
        return f"{word[1].upper() if word else ''} …".strip()
    said, end, quote = "", 0, "`" if dialect == "mysql" else '"'
    for token in tokens:
        value = token.token_type in _VALUES
        text = "?" if value else token.text
        if token.token_type == TokenType.IDENTIFIER:
            text = f"{quote}{text}{quote}"
        said += (" " if token.start > end and said else "") + text
        end = token.end + 1
    return _ROWS.sub("(?)", _LIST.sub("?", said))[:LONGEST]


def identified(statement: str) -> str:
    """A short name of a statement, the same everywhere.

    >>> identified("SELECT ?")
    '66cbb3a4'
    """
    return hashlib.sha256(statement.encode("utf-8", "surrogatepass")).hexdigest()[:8]
