"""Incidents are held against labels: what is found, what is right, and how soon people are told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from detectors.episodes import Incident, Incidents, Involved, Judgement, Label, fit, judge
from detectors.records import Alert, Anomaly, AnomalyGroup

START = datetime(2026, 3, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)
TEN_DAYS = timedelta(days=10)


def at(hour: int) -> datetime:
    return START + hour * HOUR


def incident(start: int, end: int, told: int | None = None, **members: str) -> Incident:
    """An incident of views in these countries; without any, of all of them."""
    places = [{"country": country} for country in members] or [{}]
    named = {str(place): Involved("views", place, at(start)) for place in places}
    return Incident("g", at(start), at(end), HOUR, at(start if told is None else told), named)


def label(start: int, end: int, country: str | None = None, measure: str | None = None) -> Label:
    return Label(at(start), at(end), {} if country is None else {"country": country}, measure, "fall")


def judged(incidents: list[Incident], labels: list[Label]) -> Judgement:
    return judge(incidents, labels, TEN_DAYS)


def test_what_is_told_while_it_happens_is_right() -> None:
    found = judged([incident(12, 15), incident(40, 42)], [label(10, 20), label(60, 70), label(80, 90)])

    assert (found.found, found.labels) == (1, 3)
    assert (found.precision, found.recall, found.f1) == (1 / 2, 1 / 3, 0.4)
    assert found.median_delay_seconds == 2 * 3600
    assert found.incidents_a_day == 0.2
    assert found.kinds == {"fall": (1, 3)}


def test_two_intervals_after_the_end_are_soon_enough() -> None:
    assert judged([incident(21, 23)], [label(10, 20)]).found == 1
    assert judged([incident(22, 23)], [label(10, 20)]).found == 0


def test_what_was_told_before_is_found_at_once() -> None:
    found = judged([incident(5, 15)], [label(10, 20)])

    assert (found.found, found.median_delay_seconds) == (1, 0)


def test_what_nobody_was_told_of_in_time_is_not_found() -> None:
    assert judged([incident(12, 40, told=30)], [label(10, 20)]).found == 0


def test_a_label_of_a_place_is_about_what_contains_it_or_is_in_it() -> None:
    germany = label(10, 20, "DE")

    assert judged([incident(12, 15, DE="")], [germany]).found == 1
    assert judged([incident(12, 15)], [germany]).found == 1
    assert judged([incident(12, 15, FR="")], [germany]).found == 0
    assert judged([incident(12, 15, FR="")], [label(10, 20)]).found == 1


def test_a_label_of_a_measure_is_about_that_measure() -> None:
    assert judged([incident(12, 15)], [label(10, 20, measure="views")]).found == 1
    assert judged([incident(12, 15)], [label(10, 20, measure="orders")]).found == 0


def test_who_tells_of_nothing_finds_nothing() -> None:
    nothing = judged([], [label(10, 20)])

    assert (nothing.precision, nothing.recall, nothing.f1) == (None, 0.0, 0.0)
    assert judged([incident(12, 15)], []).precision == 0.0
    assert judge([incident(12, 15)], None, TEN_DAYS).f1 is None


def test_a_group_is_an_incident_once_people_are_told_and_members_join_as_they_come() -> None:
    def anomaly(country: str) -> Anomaly:
        return Anomaly("views", {"country": country}, at(0), 1.0, 5.0, 4.0, 6.0, 90.0, 1.0, "below")

    def group(revision: int, end: int, *countries: str) -> AnomalyGroup:
        members = [anomaly(country) for country in countries]
        return AnomalyGroup(
            "g", "shop", revision, "open", at(10), at(end), 90.0, members[0], members, len(members)
        )

    first = anomaly("DE")
    alert = Alert(
        "page", "shop", "g", 1, "OPENED", "", 90.0, 1.0, at(10), at(12), "views", {}, 1.0, 5.0, 4.0, 6.0,
        "below", [first], 1,
    )  # fmt: skip
    incidents = Incidents({"shop": HOUR})

    incidents.take(group(1, 11, "DE"))
    assert list(incidents) == []
    incidents.take(group(2, 12, "DE"))
    incidents.take(alert)
    incidents.take(group(3, 15, "DE", "FR"))

    (known,) = incidents
    assert (known.start, known.told, known.end) == (at(10), at(11), at(15))
    assert sorted(member.joined for member in known.members.values()) == [at(10), at(14)]


def test_of_many_only_those_that_share_time_fit() -> None:
    incidents = [incident(n, n + 1) for n in range(0, 200, 10)]
    long = incident(35, 95)
    labels = [Label(at(n), at(n + 1)) for n in (0, 92, 96, 188)]

    found = fit([*incidents, long], labels)

    # The long one is open at 92 only; what begins up to two intervals after a label belongs to it.
    assert found.right == {0, 20, 19}
    assert [delay is not None for delay in found.delays] == [True, True, False, True]


def test_what_began_before_is_no_incident() -> None:
    incidents = Incidents({"shop": HOUR}, since=at(10))
    member = Anomaly("views", {}, at(9), 1.0, 5.0, 4.0, 6.0, 90.0, 1.0, "below")
    early = AnomalyGroup("a", "shop", 1, "open", at(9), at(10), 90.0, member, [member], 1)
    late = AnomalyGroup("b", "shop", 1, "open", at(10), at(11), 90.0, member, [member], 1)

    assert [incidents.take(group) for group in (early, late)] == [False, True]
