"""Sets what a server answers beside the truth of the events it was told: are intervals right, and how wide are they?

    PYTHONPATH=build/dev/python python3 tests/utility/compare.py EVENTS FIRST LAST [--server HOST:PORT]

Asks every question that the tables answer, by cohort and over the whole span, and prints, for figures that are shown:
how many, how many of their 95 % intervals hold the truth, and half widths of those of the whole platform. Days, as
2026-01-05; those of whole cohorts.
"""

from __future__ import annotations

import argparse
import datetime
import pathlib
import sys
from typing import Any, Dict, Iterator, List, Sequence, Tuple

import numpy
import pandas

import retention_statistics
import truth

COHORT_OF_PROFILE = {"large": "week", "daily": "day", "small": "month"}
PERCENTILES = {"duration-percentile": (50, 90), "rtt": (50, 95), "loss": (50, 95), "jitter": (50, 95)}
NOT_COMPARED = {"join-failures", "meetings"}  # No simulated platform has failures; of meetings see `meetings_line`.
COLUMN_OF_DIMENSION = {"reconnections": "rejoined", "meetings-per-person": "per_person", "duration": "seconds"}
COLUMN_OF_DIMENSION.update({name: name for name in truth.QUALITY})
SIZES = (0, 100, 200, 1000, numpy.inf)  # True people behind a figure.


def caps_of(tables: pandas.DataFrame) -> truth.Caps:
    most = tables.set_index("name")["contribution"]
    return truth.Caps(most["participations"], most["time"], most["reconnections"])


def with_dimensions(weighed: pandas.DataFrame, values: Dict[str, Sequence[str]]) -> pandas.DataFrame:
    """The columns of `dimensions`, named as the server names their values."""
    named = weighed.copy()
    for name, all_values in values.items():
        if name in COLUMN_OF_DIMENSION:
            named[name + " named"] = truth.bucket_names(weighed[COLUMN_OF_DIMENSION[name]], all_values)
        else:
            named[name + " named"] = weighed[name].where(weighed[name].isin(all_values), "other")
    return named


def questions(client: retention_statistics.Client) -> Iterator[Tuple[str, Tuple[str, ...], float]]:
    for question in client.questions().itertuples():
        if question.metric in NOT_COMPARED or {"at-cap", "controller", "join-failure-cause"} & set(question.dimensions):
            continue
        for percentile in PERCENTILES.get(question.metric, (0,)):
            yield question.metric, question.dimensions, percentile


def compared(
    client: retention_statistics.Client, weighed: pandas.DataFrame, cohort: str, days: Tuple[datetime.date, datetime.date]
) -> pandas.DataFrame:
    """Every answer beside its truth: metric, dimensions, percentile, span, estimate, interval, truth, true_people."""
    frames: List[pandas.DataFrame] = []
    for metric, dimensions, percentile in questions(client):
        for calendar in ((), (cohort,)):
            answer = client.query(metric, *days, group_by=[*calendar, *dimensions], percentile=percentile or None)
            keys = [*calendar, *dimensions]
            values = {name: list(answer[name].unique()) for name in dimensions}
            named = with_dimensions(weighed, values)
            columns = [*calendar, *(name + " named" for name in dimensions)]
            true = truth.truth_of(named, metric, dimensions, columns, percentile)
            true = true.rename(columns={name + " named": name for name in dimensions})
            both = answer.merge(true, on=keys, how="left") if keys else answer.join(true)
            if metric not in PERCENTILES and not metric.endswith("-mean"):
                both["truth"] = both["truth"].fillna(0)
            both["true_people"] = both["true_people"].fillna(0)
            taken = ["estimate", "interval_low", "interval_high", "suppressed", "people", "truth", "true_people"]
            frames.append(
                both[taken].assign(
                    metric=f"{metric} {percentile:g}" if percentile else metric,
                    dimensions=" x ".join(dimensions),
                    span=cohort if calendar else "all",
                )
            )
    return pandas.concat(frames, ignore_index=True)


def coverage_lines(rows: pandas.DataFrame, by: str) -> pandas.DataFrame:
    shown = rows[~rows["suppressed"] & rows["truth"].notna()]
    holds = (shown["interval_low"] <= shown["truth"]) & (shown["truth"] <= shown["interval_high"])
    grouped = holds.groupby(shown[by], observed=True)
    return pandas.DataFrame(
        {
            "asked": rows.groupby(by, observed=True).size(),
            "shown": grouped.size(),
            "held %": (grouped.mean() * 100).round(1),
        }
    )


def width_lines(rows: pandas.DataFrame) -> pandas.DataFrame:
    """Figures of the whole platform and of one cohort: half width and error, in percent of the truth."""
    whole = rows[(rows["dimensions"] == "") & (rows["span"] != "all") & ~rows["suppressed"]]
    half = (whole["interval_high"] - whole["interval_low"]) / 2 / whole["truth"] * 100
    error = (whole["estimate"] / whole["truth"] - 1) * 100
    grouped = [whole["metric"]]
    return pandas.DataFrame(
        {
            "cohorts": half.groupby(grouped).size(),
            "truth (mean)": whole["truth"].groupby(grouped).mean().round(1),
            "half width %": half.groupby(grouped).mean().round(2),
            "worst error %": error.abs().groupby(grouped).max().round(2),
        }
    )


def caps_lines(records: pandas.DataFrame, weighed: pandas.DataFrame) -> str:
    lost = {
        "participations": 1 - weighed["participations"].sum() / len(records),
        "time": 1 - weighed["time"].sum() / records["seconds"].sum(),
        "reconnections": 1 - weighed["reconnections_counted"].sum() / max(records["rejoined"].sum(), 1),
    }
    return "lost by caps: " + ", ".join(f"{name} {part * 100:.2f} %" for name, part in lost.items())


def meetings_lines(
    client: retention_statistics.Client, records: pandas.DataFrame, cohort: str, days: Tuple[datetime.date, datetime.date]
) -> str:
    try:
        answer = client.query("meetings", *days, group_by=[cohort])
    except retention_statistics.StatisticsError as error:
        return f"meetings: {error.reason}"
    true = records.groupby(cohort)["meeting"].nunique()
    shown = answer[~answer["suppressed"]]
    parts = (shown.set_index(cohort)["estimate"] / true).dropna()
    half = ((shown["interval_high"] - shown["interval_low"]) / 2 / shown["estimate"]).mean()
    return f"meetings: {parts.mean() * 100:.1f} % of all are counted (marks are two a person); half width {half * 100:.1f} %"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("events", type=pathlib.Path)
    parser.add_argument("first", type=datetime.date.fromisoformat)
    parser.add_argument("last", type=datetime.date.fromisoformat)
    parser.add_argument("--server", default="127.0.0.1:50051")
    parser.add_argument("--rows", type=pathlib.Path, help="CSV to which answers are added; all in it are told of")
    options = parser.parse_args()
    days = (options.first, options.last)
    records = truth.records_of(truth.fold(truth.read_events(options.events)))
    records = records[records["day"].between(options.first.isoformat(), options.last.isoformat())]
    with retention_statistics.Client(options.server, timeout_seconds=60) as client:
        tables = client.tables()
        cohort = COHORT_OF_PROFILE[tables.attrs["profile"]]
        weighed = truth.weigh(records, cohort, caps_of(tables))
        rows = compared(client, weighed, cohort, days)
        meetings = meetings_lines(client, records, cohort, days)
    people = weighed.groupby(cohort)["person"].nunique()
    print(f"{tables.attrs['profile']}: {len(records)} participations in {len(people)} cohorts, {people.mean():.0f} people each")
    if rows["suppressed"].all():
        print("nothing is shown: are the cohorts released?", file=sys.stderr)
        return 1
    if options.rows is not None:
        earlier = [pandas.read_csv(options.rows, keep_default_na=False, na_values=["", "nan"])] if options.rows.exists() else []
        rows = pandas.concat([*earlier, rows], ignore_index=True)
        rows["dimensions"] = rows["dimensions"].fillna("")
        rows.to_csv(options.rows, index=False)
    rows["true people"] = pandas.cut(rows["true_people"], SIZES, right=False)
    pandas.set_option("display.width", 120)
    print(coverage_lines(rows, "metric"), coverage_lines(rows, "true people"), width_lines(rows), sep="\n\n")
    print(f"\nall: {coverage_lines(rows.assign(all='all'), 'all').to_dict('records')[0]}")
    print(caps_lines(records, weighed), meetings, sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
