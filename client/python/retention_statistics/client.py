"""Questions to a retention server, answered as pandas frames."""

from __future__ import annotations

import datetime
import json
from dataclasses import dataclass
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple

import grpc
import pandas

from . import api
from .errors import StatisticsError

ANSWER_BYTES_MAX = 64 << 20  # Larger than any message of an export.
_RETRIES = {
    "methodConfig": [
        {
            "name": [{"service": api.SERVICE}],
            "retryPolicy": {
                "maxAttempts": 5,
                "initialBackoff": "0.1s",
                "maxBackoff": "2s",
                "backoffMultiplier": 2,
                "retryableStatusCodes": ["UNAVAILABLE"],
            },
        }
    ]
}

COVERAGE_COLUMNS = (
    "cohorts",
    "cohorts_in_range",
    "cohorts_partial",
    "cohorts_damaged",
    "cohorts_late_counted",
    "in_time",
    "in_time_low",
    "in_time_high",
)
FIGURE_COLUMNS = (
    "unit",
    "estimate",
    "interval_low",
    "interval_high",
    "noise_stddev",
    "suppressed",
    "people",
    "threshold",
    "certainty",
) + COVERAGE_COLUMNS


@dataclass(frozen=True)
class Export:
    """Released cohorts whole. Estimates are neither rounded nor clamped, and add up exactly."""

    cohorts: pandas.DataFrame  # A row a cohort, or a month of cohorts that have ended.
    cells: pandas.DataFrame  # A row a cell of a table of one of them.


@dataclass(frozen=True)
class Guarantee:
    """What is promised to those who are counted."""

    profile: str
    schema_version: int
    rho_per_cohort: float
    delta: float
    least_people: int
    settling: datetime.timedelta
    over_time: pandas.DataFrame  # days, cohorts, rho, epsilon, guess_right_at_most
    promises: Tuple[str, ...]
    limits: Tuple[str, ...]


class Client:
    """A connection to one server. Thread-safe. Every method raises StatisticsError if the call fails.

    server: "host:port", reached in plaintext. channel: a channel to use in its place, as one with TLS; it is not closed.
    timeout_seconds: longest wait for a call; exports have none. A server that is UNAVAILABLE is tried five times.
    """

    def __init__(
        self, server: str = "127.0.0.1:50051", *, channel: Optional[grpc.Channel] = None, timeout_seconds: float = 10.0
    ) -> None:
        self._owned = channel is None
        self._channel = channel or grpc.insecure_channel(
            server,
            options=[
                ("grpc.service_config", json.dumps(_RETRIES)),
                ("grpc.max_receive_message_length", ANSWER_BYTES_MAX),
            ],
        )
        self._timeout_seconds = timeout_seconds

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        if self._owned:
            self._channel.close()

    def query(
        self,
        metric: str,
        first_day: datetime.date,
        last_day: datetime.date,
        *,
        group_by: Sequence[str] = (),
        filter: str = "",
        percentile: Optional[float] = None,
    ) -> pandas.DataFrame:
        """One statistic, a row a group: the columns of `group_by`, then FIGURE_COLUMNS.

        metric and dimensions are written as in retentionctl: "total-time", "meetings-per-person". percentile, above 0 and
        below 100: for duration-percentile, rtt, loss and jitter, and only for them. Where a figure is suppressed,
        `suppressed` is true and estimate, interval, people and certainty are NaN; so they are where no cohort is released
        (`cohorts` is 0). `frame.attrs` has metric, unit, tables and coverage of all rows together.
        """
        request: Any = api.service_message("QueryStatisticsRequest")()
        request.metric = api.METRICS.number(metric)
        request.group_by.extend(api.DIMENSIONS.number(name) for name in group_by)
        request.filter = filter
        request.first_day.CopyFrom(api.to_date(first_day))
        request.last_day.CopyFrom(api.to_date(last_day))
        request.percentile = percentile or 0
        rows: List[Dict[str, Any]] = []
        while True:
            answer = self._call("QueryStatistics", request)
            rows.extend(_figure_of(row, answer.unit, group_by) for row in answer.rows)
            request.page_token = answer.next_page_token
            if not request.page_token:
                break
        frame = pandas.DataFrame(rows, columns=[*group_by, *FIGURE_COLUMNS])
        frame.attrs = {
            "metric": metric,
            "unit": answer.unit,
            "tables": answer.table.split(","),
            "coverage": _coverage_of(answer.coverage),
        }
        return frame

    def export(self, first_day: datetime.date, last_day: datetime.date) -> Export:
        """All cohorts whose middle is in the range, with every cell as drawn and as estimated."""
        cohorts: List[Dict[str, Any]] = []
        cells: List[Dict[str, Any]] = []
        for part in self._stream_export(first_day, last_day):
            if part.WhichOneof("part") == "cohort":
                cohorts.append(_cohort_of(part.cohort))
            else:
                cells.extend({"first_day": cohorts[-1]["first_day"], **cell} for cell in _cells_of(part.table))
        return Export(pandas.DataFrame(cohorts), pandas.DataFrame(cells))

    def tables(self) -> pandas.DataFrame:
        """The tables that every cohort has; `dimensions` is a dictionary of their values."""
        answer = self._call("ListTables", api.service_message("ListTablesRequest")())
        scalars = ("cell_count", "unit", "contribution", "share_percent", "noise_stddev", "estimate_stddev")
        frame = pandas.DataFrame(
            [
                {
                    "name": table.name,
                    "dimensions": {api.DIMENSIONS.name(d.dimension): list(d.values) for d in table.dimensions},
                    **{name: getattr(table, name) for name in scalars},
                }
                for table in answer.tables
            ]
        )
        frame.attrs = {
            "profile": api.PROFILES.name(answer.profile),
            "schema_version": answer.schema_version,
            "rho_per_cohort": answer.rho_per_cohort,
        }
        return frame

    def questions(self) -> pandas.DataFrame:
        """What can be asked: metrics, each with a set of dimensions (besides those of the calendar)."""
        answer = self._call("ListTables", api.service_message("ListTablesRequest")())
        return pandas.DataFrame(
            [
                {
                    "metric": api.METRICS.name(question.metric),
                    "dimensions": tuple(api.DIMENSIONS.name(d) for d in question.dimensions),
                }
                for question in answer.questions
            ]
        )

    def guarantee(self) -> Guarantee:
        answer = self._call("GetGuarantee", api.service_message("GetGuaranteeRequest")())
        columns = ("days", "cohorts", "rho", "epsilon", "guess_right_at_most")
        return Guarantee(
            profile=api.PROFILES.name(answer.profile),
            schema_version=answer.schema_version,
            rho_per_cohort=answer.rho_per_cohort,
            delta=answer.delta,
            least_people=answer.least_people,
            settling=datetime.timedelta(seconds=answer.settling.seconds),
            over_time=pandas.DataFrame(
                [{name: getattr(span, name) for name in columns} for span in answer.over_time], columns=columns
            ),
            promises=tuple(answer.promises),
            limits=tuple(answer.limits),
        )

    def _call(self, method: str, request: Any) -> Any:
        call = self._channel.unary_unary(
            f"/{api.SERVICE}/{method}",
            request_serializer=type(request).SerializeToString,
            response_deserializer=api.service_message(method + "Response").FromString,
        )
        try:
            return call(request, timeout=self._timeout_seconds)
        except grpc.RpcError as error:
            raise StatisticsError(error) from error

    def _stream_export(self, first_day: datetime.date, last_day: datetime.date) -> Iterator[Any]:
        request: Any = api.service_message("ExportStatisticsRequest")()
        request.first_day.CopyFrom(api.to_date(first_day))
        request.last_day.CopyFrom(api.to_date(last_day))
        call = self._channel.unary_stream(
            f"/{api.SERVICE}/ExportStatistics",
            request_serializer=type(request).SerializeToString,
            response_deserializer=api.service_message("ExportStatisticsResponse").FromString,
        )
        try:
            yield from call(request)
        except grpc.RpcError as error:
            raise StatisticsError(error) from error


def _optional(message: Any, name: str) -> float:
    return float(getattr(message, name)) if message.HasField(name) else float("nan")


def _coverage_of(coverage: Any) -> Dict[str, Any]:
    return {
        name: _optional(coverage, name) if name.startswith("in_time") else getattr(coverage, name)
        for name in COVERAGE_COLUMNS
    }


def _figure_of(row: Any, unit: str, group_by: Sequence[str]) -> Dict[str, Any]:
    optional = ("estimate", "interval_low", "interval_high", "noise_stddev", "people", "certainty")
    return {
        **dict(zip(group_by, row.group)),
        "unit": unit,
        "suppressed": not row.HasField("estimate"),
        "threshold": row.threshold,
        **{name: _optional(row, name) for name in optional},
        **_coverage_of(row.coverage),
    }


def _cohort_of(cohort: Any) -> Dict[str, Any]:
    return {
        "first_day": api.from_date(cohort.first_day),
        "last_day": api.from_date(cohort.last_day),
        "profile": api.PROFILES.name(cohort.profile),
        "schema_version": cohort.schema_version,
        "rho": cohort.rho,
        "cohorts": cohort.cohorts,
        "cohorts_in_range": cohort.cohorts_in_range,
        "damaged": cohort.damaged,
        "late_people": _optional(cohort, "late_people"),
        "media_sites": tuple(cohort.media_sites),
        "client_kinds": tuple(cohort.client_kinds),
        "controllers": tuple(cohort.controllers),
    }


def _cells_of(exported: Any) -> Iterator[Dict[str, Any]]:
    """A row a cell, the first dimension slowest: its table, and the values of the two dimensions that it may have."""
    names = [api.DIMENSIONS.name(domain.dimension) for domain in exported.table.dimensions]
    values = [list(domain.values) for domain in exported.table.dimensions]
    for cell, estimate in enumerate(exported.estimates):
        place: List[str] = []
        rest = cell
        for domain in reversed(values):
            rest, at = divmod(rest, len(domain))
            place.insert(0, domain[at])
        yield {
            "table": exported.table.name,
            "unit": exported.table.unit,
            **{
                f"{kind}_{i + 1}": of[i] if i < len(of) else ""
                for i in range(2)
                for kind, of in (("dimension", names), ("value", place))
            },
            "drawn": exported.drawn[cell] if cell < len(exported.drawn) else float("nan"),
            "drawn_variance": exported.drawn_variance if exported.drawn else float("nan"),
            "estimate": estimate,
            "estimate_variance": exported.estimate_variance,
        }
