"""Names of a stranger → names that a configuration may have, none of them twice."""

from __future__ import annotations

import re

from detectors.records import Event, attribute

LONGEST = 63


class Names:
    """Names of one kind that are taken.

    >>> names = Names()
    >>> names.fresh("all orders"), names.fresh("all orders"), names.fresh("shop")
    ('all_orders', 'all_orders-2', 'shop')
    """

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def fresh(self, wished: str) -> str:
        """A name like what is wished for, and now taken."""
        base = re.sub(r"[^A-Za-z0-9_-]+", "_", wished).strip("_-")[:LONGEST] or "unnamed"
        name, n = base, 1
        while name in self._taken:
            n += 1
            name = f"{base[: LONGEST - 1 - len(str(n))]}-{n}"
        self._taken.add(name)
        return name


class Fields:
    """The fields of one source: column → field, each column with one field.

    >>> fields = Fields()
    >>> fields.of("unit price"), fields.of("4xx"), fields.of("views"), fields.of("unit price")
    ('unit_price', '_4xx', 'views', 'unit_price')
    >>> fields.renamed
    {'unit_price': 'unit price', '_4xx': '4xx'}
    """

    def __init__(self) -> None:
        self._fields: dict[str, str] = {}

    def of(self, column: str) -> str:
        """The field of a column."""
        if column not in self._fields:
            # As crawlers call metrics and dimensions that cannot be a field.
            base = re.sub(r"[^A-Za-z0-9_-]", "_", column)
            if not re.match(r"[A-Za-z_]", base):
                base = f"_{base}"
            # Two in front would be Python's own names.
            base = re.sub(r"^_[_-]+", "_", base)
            base = "_field" if base == "_" else base
            name, n = base, 1
            # An Event has its fields as attributes: those must differ too, and not be its own.
            while hasattr(Event, attribute(name)) or attribute(name) in map(attribute, self._fields.values()):
                n += 1
                name = f"{base}_{n}"
            self._fields[column] = name
        return self._fields[column]

    @property
    def renamed(self) -> dict[str, str]:
        """Field → column, where they differ."""
        return {field: column for column, field in self._fields.items() if field != column}
