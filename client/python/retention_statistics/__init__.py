"""Anonymous statistics of a retention server, as pandas frames, with their intervals.

    import datetime
    import retention_statistics

    with retention_statistics.Client("127.0.0.1:50051") as client:
        weeks = client.query("people", datetime.date(2026, 1, 1), datetime.date(2026, 3, 31), group_by=["week"])
"""

from .client import COVERAGE_COLUMNS, FIGURE_COLUMNS, Client, Export, Guarantee
from .comparison import MONTHLY, Comparison, Question, compare, monthly
from .errors import NOT_AVAILABLE, StatisticsError

__all__ = [
    "COVERAGE_COLUMNS",
    "Client",
    "Comparison",
    "Export",
    "FIGURE_COLUMNS",
    "Guarantee",
    "MONTHLY",
    "NOT_AVAILABLE",
    "Question",
    "StatisticsError",
    "compare",
    "monthly",
]
