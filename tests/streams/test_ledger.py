"""What a sink was told: each alert once, and nothing of what was over long ago."""

from __future__ import annotations

from streams.ledger import Ledger
from streams.notices import Notice, Site
from tests.streams.incidents import TOLD_AT, alert, anomaly, closed, updated


def ledger(*, history: bool = False) -> Ledger:
    return Ledger(Site(), lambda _, __: history)


def told(said: object) -> Notice:
    assert isinstance(said, Notice)
    return said


def test_an_alert_that_is_sent_again_is_told_once() -> None:
    known = ledger()
    assert isinstance(known.read(alert(), TOLD_AT), Notice)
    assert known.read(alert(), TOLD_AT) == "repeated"
    assert isinstance(known.read(closed(), TOLD_AT), Notice)
    assert known.read(updated(), TOLD_AT) == "repeated"
    assert known.read(closed(), TOLD_AT) == "repeated"


def test_rules_tell_of_a_group_each_for_itself() -> None:
    known = ledger()
    known.read(alert(), TOLD_AT)
    assert isinstance(known.read(alert(rule="shop-mail"), TOLD_AT), Notice)


def test_what_was_told_first_stays_known_until_the_end() -> None:
    known = ledger()
    known.read(alert(measure="orders"), TOLD_AT)
    assert told(known.read(updated(measure="views"), TOLD_AT)).opened.measure == "orders"
    assert [notice.alert.kind for notice in known.open] == ["UPDATED"]
    assert told(known.read(closed(measure="views"), TOLD_AT)).opened.measure == "orders"
    assert known.open == []


def test_only_measures_that_are_new_are_news() -> None:
    known = ledger()
    assert told(known.read(alert(), TOLD_AT)).news == ("orders", "views")
    more = [*alert().members, anomaly("carts", marketplace="DE", platform="web")]
    assert told(known.read(updated(members=more), TOLD_AT)).news == ("carts",)
    assert told(known.read(updated(revision=3, members=more), TOLD_AT)).news == ()


def test_what_comes_back_is_told_from_the_beginning() -> None:
    known = ledger()
    known.read(alert(), TOLD_AT)
    known.read(closed(), TOLD_AT)
    again = told(known.read(alert(revision=5, measure="views"), TOLD_AT))
    assert again.opened.measure == "views"
    assert again.news == ("views", "orders")


def test_nothing_is_told_of_an_incident_of_the_past_not_even_its_end() -> None:
    known = ledger(history=True)
    assert known.read(alert(), TOLD_AT) == "history"
    assert known.open == []
    assert known.read(closed(), TOLD_AT) == "history"


def test_what_began_in_the_past_and_goes_on_is_told_from_there_on() -> None:
    known = Ledger(Site(), lambda told, _: told.kind == "OPENED")
    assert known.read(alert(), TOLD_AT) == "history"
    now = told(known.read(updated(), TOLD_AT))
    assert (now.opened.kind, now.news) == ("UPDATED", ("orders", "views"))
    assert [notice.alert.kind for notice in known.open] == ["UPDATED"]
    assert told(known.read(closed(), TOLD_AT)).opened.kind == "UPDATED"


def test_an_end_is_told_though_its_beginning_is_no_longer_in_the_log() -> None:
    assert isinstance(ledger(history=True).read(closed(), TOLD_AT), Notice)
