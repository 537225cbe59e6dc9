"""A month beside the same month of last year."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Any, Dict, List, Sequence, Tuple

import numpy
import pandas

from .client import Client
from .errors import NOT_AVAILABLE, StatisticsError

SHARE = "share"
# Figures that grow with the number of cohorts.
SUMS = frozenset({"people", "participations", "meetings", "total-time", "reconnections", "join-failures"})
SAME_COHORTS_RATIO_MAX = 1.3  # Months of one kind of cohorts have 4 or 5 of them, or 28 to 31.


@dataclass(frozen=True)
class Question:
    """What is asked of both months."""

    metric: str
    percentile: float = 0
    dimension: str = ""

    @property
    def name(self) -> str:
        percentile = f" {self.percentile:g}" if self.percentile else ""
        return self.metric + percentile + (f" by {self.dimension}" if self.dimension else "")


MONTHLY = (
    Question("people"),
    Question("participations"),
    Question("meetings"),
    Question("total-time"),
    Question("duration-mean"),
    Question("duration-percentile", 50),
    Question("duration-percentile", 90),
    Question("reconnections-mean"),
    Question("join-failures"),
    Question("rtt", 50),
    Question("rtt", 95),
    Question("loss", 95),
    Question("jitter", 95),
    Question("share", dimension="client"),
    Question("share", dimension="region"),
    Question("share", dimension="controller"),
    Question("share", dimension="weekday"),
    Question("share", dimension="hour"),
)


@dataclass(frozen=True)
class Comparison:
    """figures: a row a figure, in the columns of `compare`. not_held: names of questions that no table answers."""

    month: str
    before: str
    figures: pandas.DataFrame
    not_held: Tuple[str, ...]


def days_of(month: str) -> Tuple[datetime.date, datetime.date]:
    """First and last day of "2026-03"."""
    first = datetime.datetime.strptime(month, "%Y-%m").date()
    return first, (first + datetime.timedelta(days=31)).replace(day=1) - datetime.timedelta(days=1)


def compare(now: pandas.DataFrame, before: pandas.DataFrame, metric: str, keys: Sequence[str]) -> pandas.DataFrame:
    """The rows of `now`, each with what it was (before_*) and how it changed: change, change_low, change_high.

    Both as Client.query gives them, of the same question without dimensions of the calendar; keys: its dimensions. A
    change is a part of what was (0.05: grown by 5 %); of shares it is the difference. Sums are compared per cohort, as
    months have four weeks or five. Its interval is that of both ends as far apart as they go: of 95 % or more. NaN where
    one of both is not shown, or has a partial cohort, or they are of other cohorts, as days and weeks.
    """
    taken = ["estimate", "interval_low", "interval_high", "cohorts", "cohorts_in_range", "cohorts_partial"]
    renamed = before[[*keys, *taken]].rename(columns={name: "before_" + name for name in taken})
    both = now.merge(renamed, on=list(keys), how="left") if keys else now.join(renamed)
    least = numpy.minimum(both["cohorts_in_range"], both["before_cohorts_in_range"])
    most = numpy.maximum(both["cohorts_in_range"], both["before_cohorts_in_range"])
    comparable = (
        (both["cohorts"] > 0)
        & (both["before_cohorts"] > 0)
        & (both["cohorts_partial"] == 0)
        & (both["before_cohorts_partial"] == 0)
        & (most <= SAME_COHORTS_RATIO_MAX * least)
        & both["estimate"].notna()
        & both["before_estimate"].notna()
    )
    if (both["unit"] == SHARE).all():
        change = both["estimate"] - both["before_estimate"]
        low = both["interval_low"] - both["before_interval_high"]
        high = both["interval_high"] - both["before_interval_low"]
    else:
        per_cohort = both["before_cohorts"] / both["cohorts"].where(both["cohorts"] > 0) if metric in SUMS else 1.0
        change = _grown(both["before_estimate"], both["estimate"], per_cohort)
        low = _grown(both["before_interval_high"], both["interval_low"], per_cohort)
        high = _grown(both["before_interval_low"], both["interval_high"], per_cohort)
    for name, values in (("change", change), ("change_low", low), ("change_high", high)):
        both[name] = values.where(comparable)
    return both


def _grown(before: pandas.Series, now: pandas.Series, per_cohort: Any) -> pandas.Series:
    ratio = now.clip(lower=0) * per_cohort / before.where(before > 0) - 1
    return ratio.where(~(before <= 0), numpy.inf)


def monthly(client: Client, month: str, questions: Sequence[Question] = MONTHLY) -> Comparison:
    """A month ("2026-03") beside the same of last year. Weeks are of the month of their Thursday."""
    days = days_of(month)
    before = f"{int(month[:4]) - 1}{month[4:]}"
    frames: List[pandas.DataFrame] = []
    not_held: List[str] = []
    for question in questions:
        try:
            now = _ask(client, question, days)
        except StatisticsError as error:
            if error.reason != NOT_AVAILABLE:
                raise
            not_held.append(question.name)
            continue
        try:
            then = _ask(client, question, days_of(before))
        except StatisticsError as error:
            if error.reason != NOT_AVAILABLE:
                raise
            then = now.iloc[:0]
        keys = [question.dimension] if question.dimension else []
        frame = compare(now, then, question.metric, keys)
        head: Dict[str, Any] = {
            "month": month,
            "metric": question.metric,
            "percentile": question.percentile or float("nan"),
            "dimension": question.dimension,
            "group": frame[question.dimension] if question.dimension else "",
        }
        for at, (name, value) in enumerate(head.items()):
            frame.insert(at, name, value)
        frames.append(frame.drop(columns=keys))
    figures = pandas.concat(frames, ignore_index=True) if frames else pandas.DataFrame()
    return Comparison(month, before, figures, tuple(not_held))


def _ask(client: Client, question: Question, days: Tuple[datetime.date, datetime.date]) -> pandas.DataFrame:
    group_by = [question.dimension] if question.dimension else []
    return client.query(question.metric, *days, group_by=group_by, percentile=question.percentile or None)
