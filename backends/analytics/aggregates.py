"""The statements behind figures. Each is about the readers of a book or of a class of it, never about one.

A row stands for `k` people at least, the database leaves the others out; but for ERRORS, which figures count.
"""

from typing import Final

from sqlalchemy import BigInteger, ColumnElement, Integer, String, bindparam, case, func, or_, select

from backends.analytics.schema import events

ANSWERING: Final = ("Submit", "Run.Test")
RUNNING: Final = ("Run.Program", "Run.Test", "Submit", "Compile")
FAILING: Final = (*RUNNING, "Compile.Error")
HOUR: Final = 3_600_000
WEEK: Final = 168  # hours

_class = bindparam("class_in_quotes", type_=String)
_k = bindparam("k", type_=Integer)
_most = bindparam("at_most", type_=Integer)

# `classes` is a JSON list: a name in quotes is one of it. Not LIKE, which takes A for a on SQLite.
_readers = (
    events.c.book == bindparam("book"),
    events.c.t >= bindparam("since", type_=BigInteger),
    events.c.t < bindparam("until", type_=BigInteger),
    events.c.staff.is_(False),
    or_(func.length(_class) == 0, func.replace(events.c.classes, _class, "") != events.c.classes),
)


def _people(condition: ColumnElement[bool] | None = None) -> ColumnElement[int]:
    who = events.c.pseudonym if condition is None else case((condition, events.c.pseudonym))
    return func.count(who.distinct())


_first = (
    select(
        events.c.pseudonym,
        events.c.item,
        events.c.item_kind,
        events.c.correct,
        func.row_number()
        .over(partition_by=(events.c.pseudonym, events.c.item), order_by=(events.c.t, events.c.id))
        .label("attempt"),
    )
    .where(
        *_readers,
        events.c.type.in_(ANSWERING),
        events.c.item.is_not(None),
        events.c.correct.is_not(None),
    )
    .subquery()
)
_answering = func.count(_first.c.pseudonym.distinct())
ITEMS = (
    select(
        _first.c.item,
        func.max(_first.c.item_kind).label("kind"),
        _answering.label("people"),
        func.count().label("attempts"),
        func.count(case((_first.c.correct, _first.c.pseudonym)).distinct()).label("right"),
        func.sum(case((_first.c.correct & (_first.c.attempt == 1), 1), else_=0)).label("right_at_once"),
    )
    .group_by(_first.c.item)
    .having(_answering >= _k)
    .order_by(_first.c.item)
    .limit(_most)
)
WRONG = (
    select(
        events.c.item,
        events.c.item_kind.label("kind"),
        events.c.answer,
        _people().label("people"),
        func.count().label("times"),
    )
    .where(*_readers, events.c.type == "Submit", events.c.correct.is_(False), events.c.answer.is_not(None))
    .group_by(events.c.item, events.c.item_kind, events.c.answer)
    .having(_people() >= _k)
    .order_by(events.c.item, func.count().desc(), events.c.answer)
    .limit(_most)
)

_worked = events.c.item.is_not(None)
_answered = events.c.type.in_(ANSWERING)
PAGES = (
    select(
        events.c.page,
        _people().label("people"),
        func.count(events.c.session.distinct()).label("visits"),
        func.count().label("events"),
        _people(_worked).label("worked"),
        _people(_answered).label("answered"),
        _people(_answered & events.c.correct.is_(True)).label("right"),
    )
    .where(*_readers, events.c.page.is_not(None))
    .group_by(events.c.page)
    .having(_people() >= _k)
    .order_by(_people().desc(), events.c.page)
    .limit(_most)
)

_own = (events.c.pseudonym, events.c.item)
_in_order = (events.c.t, events.c.id)
_runs = (
    select(
        events.c.pseudonym,
        events.c.item,
        events.c.t,
        events.c.error_type,
        func.lag(events.c.error_type).over(partition_by=_own, order_by=_in_order).label("before"),
        func.min(case((events.c.error_type.is_(None), events.c.t)))
        .over(partition_by=_own, order_by=_in_order, rows=(1, None))
        .label("fixed"),
    )
    .where(*_readers, events.c.type.in_(FAILING), events.c.item.is_not(None))
    .subquery()
)
# One row for each time that somebody met an error, however often they ran into it before they mended it.
ERRORS = (
    select(_runs.c.pseudonym, _runs.c.item, _runs.c.error_type, _runs.c.t, _runs.c.fixed)
    .where(
        _runs.c.error_type.is_not(None),
        or_(_runs.c.before.is_(None), _runs.c.before != _runs.c.error_type),
    )
    .limit(_most)
)

_slot = ((events.c.t + bindparam("offset", type_=BigInteger)) // HOUR) % WEEK
HOURS = (
    select(_slot.label("hour"), _people().label("people"), func.count().label("events"))
    .where(*_readers)
    .group_by(_slot)
    .having(_people() >= _k)
)
