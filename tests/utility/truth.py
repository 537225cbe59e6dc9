"""What statistics of an event file would say if nothing were blurred: from the events alone, sharing nothing with the server.

A participation is a run of one participant's presence in a room, by their own events: cut where they come back more than
REOPEN_WITHIN after their own last sign of life, and by the explicit end of the meeting; it ends with their own leave, else
with that last sign. Sittings that the platform names are not told apart: simulated platforms name none.
"""

from __future__ import annotations

import collections
import datetime
import json
import pathlib
import zoneinfo
from dataclasses import dataclass
from typing import Any, Dict, Iterable, Iterator, List, Optional, Sequence, Tuple

import numpy
import pandas

REOPEN_WITHIN = 3600.0  # Seconds; as deploy/policy.txtpb.
PRESUMED_END_AFTER = 86400.0
ZONE = zoneinfo.ZoneInfo("Europe/Berlin")
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
QUALITY = ("rtt", "loss", "jitter")

_ENTERS = ("participant_joined", "participant_reconnected")
_OWN = (*_ENTERS, "participant_left", "media_quality_sampled")
_ENDED = "meeting_ended"


@dataclass
class Run:
    """A participation while it is read."""

    person: str
    room: Tuple[str, str]
    begin: float
    client: str
    region: str
    last: float
    since: Optional[float] = None  # Present since; nothing while away.
    seconds: float = 0.0
    entered: int = 0
    samples: int = 0
    sums: Tuple[float, float, float] = (0.0, 0.0, 0.0)

    def close(self, at: float) -> None:
        if self.since is not None:
            self.seconds += max(0.0, at - self.since)
            self.since = None


def _seconds(text: str) -> float:
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def _person_of(joined: Dict[str, Any], room: Tuple[str, str]) -> str:
    """The first that a join tells: user id, address, extension, participant id in that room."""
    for kind in ("user_id", "email"):
        if joined.get(kind):
            return f"{kind} {joined[kind].lower()}"
    if joined.get("extension"):
        return f"extension {room[0]} {joined['extension']}"
    return f"participant {room} {joined['participant_id']}"


def read_events(path: pathlib.Path) -> Iterator[Tuple[Tuple[str, str], float, str, Dict[str, Any]]]:
    """Room, time, kind and content of what tells of presence."""
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            if '"participant_' not in line and '"media_quality' not in line and '"meeting_ended"' not in line:
                continue
            event = json.loads(line)
            for kind in (*_OWN, _ENDED):
                if kind in event:
                    yield (event["pbx_id"], event["meeting_id"]), _seconds(event["time"]), kind, event[kind]


def fold(events: Iterable[Tuple[Tuple[str, str], float, str, Dict[str, Any]]]) -> Iterator[Run]:
    """The participations of events, which may come in any order."""
    rooms: Dict[Tuple[str, str], List[Tuple[float, str, Dict[str, Any]]]] = collections.defaultdict(list)
    for room, time, kind, content in events:
        rooms[room].append((time, kind, content))
    for room, course in rooms.items():
        course.sort(key=lambda event: event[0])
        open_runs: Dict[str, Run] = {}
        for time, kind, content in course:
            if kind == _ENDED:
                for run in open_runs.values():
                    run.close(time if time - run.last <= PRESUMED_END_AFTER else run.last)
                    yield run
                open_runs.clear()
                continue
            participant = content["participant_id"]
            run = open_runs.get(participant)
            if kind in _ENTERS and (run is None or time - run.last > REOPEN_WITHIN):
                if run is not None:
                    run.close(run.last)
                    yield run
                person = _person_of(content, room)
                run = Run(person, room, time, content.get("client_kind", ""), content.get("media_site", ""), time)
                open_runs[participant] = run
            if run is None:
                continue
            run.last = time
            if kind in _ENTERS:
                run.entered += 1
                run.since = time if run.since is None else run.since
            elif kind == "participant_left":
                run.close(time)
            else:
                run.samples += 1
                own = (content.get("rtt_ms", 0), content.get("loss_ppm", 0), content.get("jitter_ms", 0))
                run.sums = tuple(a + b for a, b in zip(run.sums, own))  # type: ignore[assignment]
        for run in open_runs.values():
            run.close(run.last)
            yield run


def records_of(runs: Iterable[Run]) -> pandas.DataFrame:
    """A row a participation: who, when, how long, with what."""
    rows = []
    for run in runs:
        begin = datetime.datetime.fromtimestamp(run.begin, ZONE)
        year, week, weekday = begin.isocalendar()
        thursday = begin.date() + datetime.timedelta(days=4 - weekday)
        rows.append(
            {
                "person": run.person,
                "meeting": f"{run.room} {begin.date()}",
                "day": begin.date().isoformat(),
                "week": f"{year}-W{week:02}",
                "month": begin.strftime("%Y-%m"),
                "month_of_week": thursday.strftime("%Y-%m"),
                "hour": f"{begin.hour:02}",
                "weekday": WEEKDAYS[weekday - 1],
                "region": run.region,
                "client": run.client,
                "seconds": int(run.seconds),
                "rejoined": run.entered - 1,
                "measured": run.samples > 0,
                **{name: run.sums[i] // max(run.samples, 1) for i, name in enumerate(QUALITY)},
            }
        )
    return pandas.DataFrame(rows)


def bucket_names(values: pandas.Series, names: Sequence[str]) -> pandas.Series:
    """The names of the ranges ("5-9", "10+", "3") that hold the values."""
    starts = numpy.array([int(name.rstrip("+").split("-")[0]) for name in names])
    at = numpy.clip(numpy.searchsorted(starts, values.to_numpy(), side="right") - 1, 0, None)
    return pandas.Series(numpy.array(names)[at], index=values.index)


@dataclass(frozen=True)
class Caps:
    """What one person counts for at most, in a cohort."""

    participations: float
    seconds: float
    reconnections: float


def weigh(records: pandas.DataFrame, cohort: str, caps: Caps) -> pandas.DataFrame:
    """Adds what each participation counts for: of a person in a cohort (`cohort`: "day", "week", "month") one in all in
    `people` and, over those with samples, in `quality`; of sums no more than the caps."""
    weighed = records.copy()
    of_person = [weighed[cohort], weighed["person"]]
    count = weighed["person"].groupby(of_person).transform("size")
    measured = weighed["measured"].groupby(of_person).transform("sum")
    seconds = weighed["seconds"].groupby(of_person).transform("sum")
    rejoined = weighed["rejoined"].groupby(of_person).transform("sum")
    weighed["per_person"] = count
    weighed["people"] = 1 / count
    weighed["quality"] = weighed["measured"] / measured.clip(lower=1)
    weighed["participations"] = numpy.minimum(1, caps.participations / count)
    weighed["time"] = weighed["seconds"] * numpy.minimum(1, caps.seconds / seconds.clip(lower=1))
    weighed["reconnections_counted"] = weighed["rejoined"] * numpy.minimum(1, caps.reconnections / rejoined.clip(lower=1))
    return weighed


def weighted_percentile(values: pandas.Series, weights: pandas.Series, percentile: float) -> float:
    """The least value below or at which so many percent of all weight are."""
    order = numpy.argsort(values.to_numpy(), kind="stable")
    reached = numpy.cumsum(weights.to_numpy()[order])
    if not len(reached) or reached[-1] <= 0:
        return float("nan")
    return float(values.to_numpy()[order][numpy.searchsorted(reached, percentile / 100 * reached[-1] - 1e-9)])


_SUMS = {"participations": "participations", "total-time": "time", "reconnections": "reconnections_counted"}
_MEANS = {"duration-mean": "time", "reconnections-mean": "reconnections_counted"}
_PERCENTILES = {"duration-percentile": "seconds", "rtt": "rtt", "loss": "loss", "jitter": "jitter"}


def truth_of(
    weighed: pandas.DataFrame, metric: str, dimensions: Sequence[str], keys: Sequence[str], percentile: float = 0
) -> pandas.DataFrame:
    """The true figures of a question: `keys`, figure and people behind it. keys: the columns that say which value each
    participation has; of the calendar, then of `dimensions`. By quality people are those who have samples."""
    by_quality = metric in QUALITY or any(name in QUALITY for name in dimensions)
    people = "quality" if by_quality else "people"
    one_group = not keys
    grouped = weighed.groupby([numpy.zeros(len(weighed))] if one_group else list(keys), observed=True)
    if metric in _PERCENTILES:
        column = _PERCENTILES[metric]
        figure = grouped.apply(lambda group: weighted_percentile(group[column], group[people], percentile))
    elif metric in _MEANS:
        figure = grouped[_MEANS[metric]].sum() / grouped["participations"].sum()
    elif metric == "share":
        total = grouped[people].sum()
        outer = list(keys[:-1])
        figure = total / (total.groupby(level=outer).transform("sum") if outer else total.sum())
    else:
        figure = grouped[_SUMS.get(metric, people)].sum()
    frame = pandas.DataFrame({"truth": figure, "true_people": grouped[people].sum()})
    return frame.reset_index(drop=one_group)
