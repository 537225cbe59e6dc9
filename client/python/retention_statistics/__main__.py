"""python3 -m retention_statistics: the monthly report, as CSV and charts."""

from __future__ import annotations

import argparse
import pathlib
import sys
from typing import Optional, Sequence

from .client import Client
from .comparison import days_of, monthly
from .errors import StatisticsError
from .report import FORMATS, has_changes, write_report


def main(arguments: Optional[Sequence[str]] = None) -> int:
    parser = argparse.ArgumentParser(prog="retention_statistics", description=__doc__)
    parser.add_argument("month", help="as 2026-03; weeks are of the month of their Thursday")
    parser.add_argument("--server", default="127.0.0.1:50051", help="host:port (%(default)s)")
    parser.add_argument("--output", type=pathlib.Path, default=pathlib.Path("."), help="directory (%(default)s)")
    parser.add_argument("--format", choices=FORMATS, action="append", help="of charts; default: each")
    options = parser.parse_args(arguments)
    try:
        days_of(options.month)
    except ValueError:
        parser.error("month: write 2026-03")
    try:
        with Client(options.server) as client:
            report = monthly(client, options.month)
        for path in write_report(report, options.output, options.format or FORMATS):
            print(path)
    except (StatisticsError, OSError) as error:
        print(f"retention_statistics: {error}", file=sys.stderr)
        return 1
    if not has_changes(report):
        print(f"nothing of {report.before} to compare with: no chart of changes")
    if report.not_held:
        print(f"not in the tables of this month: {', '.join(report.not_held)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
