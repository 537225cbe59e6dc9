"""What a failed call says."""

from __future__ import annotations

from typing import Any, Dict, List

import grpc

from . import api

_DETAILS_KEY = "grpc-status-details-bin"
NOT_AVAILABLE = "NOT_AVAILABLE"


class StatisticsError(Exception):
    """A call failed.

    code: name of the gRPC code, as "INVALID_ARGUMENT". reason: for programs, as "NOT_AVAILABLE". fields: wrong fields of
    the request. For NOT_AVAILABLE: failing, the dimensions that no table has beside the others, and nearest, the sets of
    dimensions that can be asked for instead.
    """

    def __init__(self, error: grpc.RpcError) -> None:
        self.code: str = error.code().name
        self.reason = ""
        self.fields: List[str] = []
        facts: Dict[str, str] = {}
        for detail in _details(error):
            info = api.message_type("google.rpc.ErrorInfo")()
            bad_request = api.message_type("google.rpc.BadRequest")()
            if detail.Unpack(info):
                self.reason = info.reason
                facts = dict(info.metadata)
            elif detail.Unpack(bad_request):
                self.fields = [v.field for v in bad_request.field_violations]
        self.failing = _names(facts.get("dimension", ""))
        self.nearest = [_names(one) for one in facts.get("nearest", "").split(";") if one]
        reason = f" ({self.reason})" if self.reason else ""
        super().__init__(f"{self.code}{reason}: {error.details()}")


def _names(text: str) -> List[str]:
    return [name for name in text.split(",") if name]


def _details(error: Any) -> List[Any]:
    for key, value in error.trailing_metadata() or ():
        if key == _DETAILS_KEY:
            return list(api.message_type("google.rpc.Status").FromString(value).details)
    return []
