"""The messages of retention.v1.StatisticsService, without generated modules.

They are made from the descriptors of the protocol in a pool of their own: the packages google.rpc and google.type of
this protocol are subsets of Google's, and as modules they would hide, or be hidden by, those of other packages.
"""

from __future__ import annotations

import datetime
import importlib.resources
from typing import Any, Dict, List

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

SERVICE = "retention.v1.StatisticsService"
_DESCRIPTORS = "api.binpb"  # Made by protoc when the package is built.


def _load_pool() -> Any:
    pool = descriptor_pool.DescriptorPool()
    packed = importlib.resources.read_binary(__package__, _DESCRIPTORS)
    for file in descriptor_pb2.FileDescriptorSet.FromString(packed).file:
        pool.AddSerializedFile(file.SerializeToString())
    return pool


_POOL = _load_pool()
_FACTORY = message_factory.MessageFactory(_POOL) if not hasattr(message_factory, "GetMessageClass") else None


def message_type(name: str) -> Any:
    """The class of a message, as "retention.v1.QueryStatisticsRequest"."""
    descriptor = _POOL.FindMessageTypeByName(name)
    return message_factory.GetMessageClass(descriptor) if _FACTORY is None else _FACTORY.GetPrototype(descriptor)


def service_message(name: str) -> Any:
    """The class of a message of the API, as "QueryStatisticsRequest"."""
    return message_type("retention.v1." + name)


def method_types() -> Dict[str, Any]:
    """The service's methods by name: their descriptors have the types of request and answer."""
    return dict(_POOL.FindServiceByName(SERVICE).methods_by_name)


class Names:
    """Values of an enum as people write them: METRIC_TOTAL_TIME is "total-time"."""

    def __init__(self, enum: str) -> None:
        values = _POOL.FindEnumTypeByName("retention.v1." + enum).values
        prefix = values[0].name[: -len("UNSPECIFIED")]
        self._enum = enum.lower()
        self._by_number = {v.number: v.name[len(prefix) :].lower().replace("_", "-") for v in values}
        self._by_name = {name: number for number, name in self._by_number.items() if number != 0}

    def number(self, name: str) -> int:
        """The number of `name`. ValueError with all names if there is none."""
        if name not in self._by_name:
            raise ValueError(f"no {self._enum} {name!r}; one of {', '.join(self.all())}")
        return int(self._by_name[name])

    def name(self, number: int) -> str:
        return self._by_number.get(number, str(number))

    def all(self) -> List[str]:
        return list(self._by_name)


METRICS = Names("Metric")
DIMENSIONS = Names("Dimension")
PROFILES = Names("StatisticsProfile")


def to_date(day: datetime.date) -> Any:
    return message_type("google.type.Date")(year=day.year, month=day.month, day=day.day)


def from_date(day: Any) -> datetime.date:
    return datetime.date(day.year, day.month, day.day)
