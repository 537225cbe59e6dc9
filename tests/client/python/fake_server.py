"""A gRPC server that answers as a test tells it to."""

from __future__ import annotations

import concurrent.futures
import contextlib
import datetime
from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence

import grpc

from retention_statistics import api


class Refusal(Exception):
    """What a handler raises to have a call fail."""

    def __init__(self, code: grpc.StatusCode, reason: str = "", **metadata: str) -> None:
        super().__init__(reason)
        self.code = code
        rich = api.message_type("google.rpc.Status")()
        info = api.message_type("google.rpc.ErrorInfo")(reason=reason)
        info.metadata.update(metadata)
        rich.details.add().Pack(info)
        self.details = rich.SerializeToString()


class FakeServer(grpc.GenericRpcHandler):
    """Handlers by the name of their method: they are given the request, and return the answer, or a list of answers."""

    def __init__(self) -> None:
        self.handlers: Dict[str, Callable[[Any], Any]] = {}
        self.requests: List[Any] = []
        self._server = grpc.server(concurrent.futures.ThreadPoolExecutor(max_workers=2), handlers=(self,))
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self._server.start()

    def stop(self) -> None:
        self._server.stop(grace=None).wait()

    def service(self, handler_call_details: Any) -> Any:
        name = handler_call_details.method.rsplit("/", 1)[1]
        request_type = api.service_message(name + "Request")

        @contextlib.contextmanager
        def refusals(context: grpc.ServicerContext) -> Iterator[None]:
            try:
                yield
            except Refusal as refusal:
                context.set_trailing_metadata((("grpc-status-details-bin", refusal.details),))
                context.abort(refusal.code, "it failed")

        def answer(request: Any, context: grpc.ServicerContext) -> Any:
            self.requests.append(request)
            with refusals(context):
                return self.handlers[name](request)

        def stream(request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
            self.requests.append(request)
            with refusals(context):
                yield from self.handlers[name](request)

        def pack(message: Any) -> bytes:
            return bytes(message.SerializeToString())

        if name == "ExportStatistics":
            return grpc.unary_stream_rpc_method_handler(stream, request_type.FromString, pack)
        return grpc.unary_unary_rpc_method_handler(answer, request_type.FromString, pack)


def answer_of(
    unit: str, rows: Sequence[Dict[str, Any]], cohorts: int = 4, in_range: Optional[int] = None, token: str = ""
) -> Any:
    """A QueryStatisticsResponse. Rows: group, and estimate with its margin unless it is suppressed."""
    answer = api.service_message("QueryStatisticsResponse")(unit=unit, table="people/total,people/region")
    answer.next_page_token = token
    answer.coverage.cohorts = cohorts
    answer.coverage.cohorts_in_range = in_range or cohorts
    for given in rows:
        row = answer.rows.add(group=given.get("group", []), threshold=79.5)
        row.coverage.CopyFrom(answer.coverage)
        if "estimate" in given:
            row.estimate = row.people = given["estimate"]
            row.interval_low = given["estimate"] - given["margin"]
            row.interval_high = given["estimate"] + given["margin"]
            row.certainty = 0.9995
    return answer


def date_in(request: Any, name: str) -> datetime.date:
    return api.from_date(getattr(request, name))
