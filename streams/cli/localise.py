"""`lookalive localise`: a CSV file of leaves → where the change of its last interval is."""

from __future__ import annotations

import gc
import sys
from pathlib import Path

import click
import msgspec
from rich.table import Table

from detectors.localisation import Localisation, contributions, given_denominator, localise
from detectors.localisation_errors import ENOUGH, guessed, learned
from detectors.localisation_levels import Levels, Numbers
from detectors.words import many, number
from streams.cli.terminal import show
from streams.csv_files.leaves import LeafTable, Pair, read_leaves
from streams.csv_files.reading import read_table
from streams.errors import OperatorError

#: Values of a dimension that are shown to people.
SHOWN = 3


class Part(msgspec.Struct, frozen=True):
    """An element, and what changed in it."""

    element: dict[str, str]
    actual: float
    expected: float
    share: float
    confidence: float


class Contribution(msgspec.Struct, frozen=True):
    """A value of a dimension: its share of the changes of all values, 0 to 100."""

    value: str
    share: float
    actual: float
    expected: float


class Localised(msgspec.Struct, frozen=True):
    """Where a change is, in the words of the file."""

    localised: bool
    elements: list[dict[str, str]]
    #: The part of the change that is in the elements, and how sure it is that this is no general wobble.
    share: float
    confidence: float
    parts: list[Part]
    contributions: dict[str, list[Contribution]]


class Answer(Localised, frozen=True, kw_only=True):
    """What is printed."""

    file: str
    #: Which interval that is; nothing where there is no time column.
    time: str | None
    leaves: int
    #: Intervals before it, which teach what errors are usual.
    past: int
    #: Of ratios, what happened to the denominator by itself.
    denominator: Localised | None = None
    note: str | None = None


class Columns(click.ParamType):
    """Names of columns with commas between them."""

    name = "columns"

    def __init__(self, count: int | None = None) -> None:
        self.count = count

    def convert(
        self, value: str | tuple[str, ...], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        """Take them apart."""
        names = tuple(name.strip() for name in value.split(",")) if isinstance(value, str) else value
        if not all(names) or (self.count is not None and len(names) != self.count):
            wanted = "names" if self.count is None else f"{self.count} names"
            self.fail(f"{value!r}: expected {wanted} of columns with commas between them", param, ctx)
        if len(set(names)) < len(names):
            self.fail(f"{value!r} names a column twice", param, ctx)
        return names


@click.command(
    epilog="Example: lookalive localise leaves.csv --dimensions platform,country --actual orders "
    "--expected orders_expected --time-column hour"
)
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False, allow_dash=True))
@click.option(
    "--dimensions", type=Columns(), metavar="A,B,…", required=True, help="The columns that make a leaf."
)
@click.option("--actual", metavar="NAME", help="The column of what came.")
@click.option("--expected", metavar="NAME", help="The column of what was expected.")
@click.option(
    "--numerator",
    type=Columns(2),
    metavar="ACTUAL,EXPECTED",
    help="Of a ratio, instead of --actual and --expected.",
)
@click.option("--denominator", type=Columns(2), metavar="ACTUAL,EXPECTED", help="Of a ratio.")
@click.option(
    "--time-column",
    metavar="NAME",
    help="The column of times: the last interval is localised, those before teach what errors are usual.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object, as in a pipe.")
def command(
    *,
    file: Path,
    dimensions: tuple[str, ...],
    actual: str | None,
    expected: str | None,
    numerator: tuple[str, str] | None,
    denominator: tuple[str, str] | None,
    time_column: str | None,
    as_json: bool,
) -> None:
    """Say where a change is: the fewest places that explain it, or that it is nowhere in particular.

    FILE has a row a leaf, and an interval if there is a time column; `-` is standard input, .gz is unpacked.
    It prints a table, and one JSON object in a pipe: localised, elements (each {dimension: value}), share of
    the change, confidence, parts (each element by itself), contributions of the values of each dimension.
    """
    pairs = _pairs(actual, expected, numerator, denominator)
    # Rows are millions of small lists, none of them garbage: looking for some would take most of the time.
    gc.disable()
    try:
        table = read_table(file)
        leaves = read_leaves(table, dimensions, pairs, time_column)
    finally:
        gc.enable()
    if leaves.passed_over:
        lines = ", ".join(map(str, leaves.passed_over[:10])) + (", …" if len(leaves.passed_over) > 10 else "")
        passed = f"{many(len(leaves.passed_over), 'row')} without a number passed over: lines {lines}"
        click.echo(f"{table.name}: {passed}", err=True)
    answer = _answer(table.name, leaves, has_times=time_column is not None)
    if as_json or not sys.stdout.isatty():
        click.echo(msgspec.json.encode(answer))
    else:
        _present(answer)


def _pairs(
    actual: str | None,
    expected: str | None,
    numerator: tuple[str, str] | None,
    denominator: tuple[str, str] | None,
) -> list[Pair]:
    """What is localised: one pair, or numerator and denominator.

    Raises:
        OperatorError: neither, or half of one.
    """
    if numerator and denominator and not actual and not expected:
        options = ("--numerator", "--denominator")
        return [
            Pair(*pair, (option, option))
            for pair, option in zip((numerator, denominator), options, strict=True)
        ]
    if actual and expected and not numerator and not denominator:
        return [Pair(actual, expected, ("--actual", "--expected"))]
    message = (
        "name --actual and --expected, or, of a ratio, --numerator ACTUAL,EXPECTED and --denominator "
        "ACTUAL,EXPECTED"
    )
    raise OperatorError(message)


def _answer(file: str, leaves: LeafTable, *, has_times: bool) -> Answer:
    levels = Levels(leaves.codes)
    pairs = leaves.numbers
    past = len(leaves.times) - 1
    if len(pairs) == 1:
        main, denominator = _localised(levels, leaves, *pairs[0]), None
    else:
        (actual, expected), below = pairs
        fitting = given_denominator(expected, *below)
        main = _localised(levels, leaves, actual, fitting)
        denominator = _localised(levels, leaves, *below)
    return Answer(
        **{name: getattr(main, name) for name in Localised.__struct_fields__},
        file=file,
        time=leaves.times[-1] if has_times else None,
        leaves=len(leaves.codes),
        past=past,
        denominator=denominator,
        note=_note(past),
    )


def _note(past: int) -> str | None:
    if past >= ENOUGH:
        return None
    had = many(past, "interval") if past else "no interval"
    return (
        f"{had} before this one, {ENOUGH} are needed to know which errors are usual: only single values "
        "are told, and less surely"
    )


def _localised(levels: Levels, leaves: LeafTable, actual: Numbers, expected: Numbers) -> Localised:
    """Where the last interval of one pair changed."""
    if len(actual) - 1 >= ENOUGH:
        errors = learned(levels, actual[:-1], expected[:-1])
    else:
        errors = guessed(levels, actual[-1], expected[-1])
    found = localise(actual[-1], expected[-1], errors)
    parts = _parts(found, leaves)
    shares = contributions(levels, actual[-1], expected[-1])
    return Localised(
        localised=found.localised,
        elements=[part.element for part in parts],
        share=round(found.share, 4),
        confidence=round(found.confidence, 4),
        parts=parts,
        contributions={
            name: [
                Contribution(values[code], round(share, 2), float(came), float(meant))
                for code, share, came, meant in of_values
            ]
            for name, values, of_values in zip(leaves.dimensions, leaves.values, shares, strict=True)
        },
    )


def _parts(found: Localisation, leaves: LeafTable) -> list[Part]:
    return [
        Part(
            {leaves.dimensions[n]: leaves.values[n][code] for n, code in sorted(element.place.items())},
            element.actual,
            element.expected,
            round(element.share, 4),
            round(element.confidence, 4),
        )
        for element in found.elements
    ]


def _present(answer: Answer) -> None:
    at = f" at {answer.time}" if answer.time else ""
    click.echo(f"{answer.file}{at}: {answer.leaves:,} leaves, {many(answer.past, 'past interval')}")
    _present_places("", answer)
    if answer.denominator is not None:
        _present_places("The denominator by itself: ", answer.denominator)
    shares = Table(title="What contributes", title_justify="left", box=None)
    for title in ("dimension", "values"):
        shares.add_column(title)
    for name, values in answer.contributions.items():
        shares.add_row(name, ", ".join(f"{one.value} {one.share:.0f} %" for one in values[:SHOWN]))
    show(shares)
    if answer.note:
        click.echo(answer.note)


def _present_places(title: str, localised: Localised) -> None:
    if not localised.localised:
        click.echo(f"{title}Not localised: nothing is more unusual than it is on ordinary days.")
        return
    places = Table(title=f"{title}Localised", title_justify="left", box=None)
    for column in ("element", "actual", "expected", "share", "confidence"):
        places.add_column(column, justify="left" if column == "element" else "right")
    for part in localised.parts:
        element = ", ".join(f"{name} {value}" for name, value in part.element.items())
        share, sure = f"{100 * part.share:.0f} %", f"{part.confidence:.2f}"
        places.add_row(element, number(part.actual), number(part.expected), share, sure)
    show(places)
