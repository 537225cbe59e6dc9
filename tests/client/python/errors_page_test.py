"""docs/errors.md: its example runs, waits where that helps and only there, and its reasons are those of the server."""

import concurrent.futures
import contextlib
import io
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

import grpc

ROOT = pathlib.Path(__file__).parents[3]
SERVER = os.environ["RETENTION_SERVER"]
PROTOC = os.environ["RETENTION_PROTOC"]
PAGE = (ROOT / "docs/errors.md").read_text(encoding="utf-8")
ADDRESS = "127.0.0.1:50051"
DETAILS = "grpc-status-details-bin"

scratch = tempfile.TemporaryDirectory()  # pylint: disable=consider-using-with
protos = sorted(
    str(path.relative_to(ROOT / "proto")) for kind in ("google", "retention/v1") for path in (ROOT / "proto" / kind).rglob("*.proto")
)
subprocess.run([PROTOC, f"--python_out={scratch.name}", *protos], cwd=ROOT / "proto", check=True)
sys.path.insert(0, scratch.name)

from google.protobuf import duration_pb2  # noqa: E402  # pylint: disable=wrong-import-position
from google.rpc import error_details_pb2, status_pb2  # noqa: E402  # pylint: disable=wrong-import-position
from retention.v1 import pbx_service_pb2  # noqa: E402  # pylint: disable=wrong-import-position


def example(address):
    """What the example defines, and what it prints, of a server at `address`."""
    code = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL).group(1)
    assert code.count(ADDRESS) == 1
    names, printed = {}, io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(code.replace(ADDRESS, address), names)  # pylint: disable=exec-used
    return names, printed.getvalue()


class Failing(grpc.GenericRpcHandler):
    """Answers with these codes in turn, then well; with RetryInfo where a wait is given."""

    def __init__(self, failures):
        self.failures = list(failures)
        self.calls = 0

    def service(self, handler_call_details):
        return grpc.unary_unary_rpc_method_handler(self.answer)

    def answer(self, request, context):
        self.calls += 1
        if not self.failures:
            return pbx_service_pb2.GetPbxResponse().SerializeToString()
        code, wait = self.failures.pop(0)
        if wait is not None:
            rich = status_pb2.Status(code=code.value[0])
            rich.details.add().Pack(error_details_pb2.RetryInfo(retry_delay=duration_pb2.Duration(seconds=wait)))
            context.set_trailing_metadata(((DETAILS, rich.SerializeToString()),))
        context.abort(code, "no")


class ErrorsPageTest(unittest.TestCase):
    def test_the_example_runs_against_a_server(self):
        with tempfile.TemporaryDirectory() as directory:
            arguments = ["--listen", "127.0.0.1:0", "--data-dir", f"{directory}/data", "--key-ring-dir", f"{directory}/ring"]
            arguments += ["--policy", str(ROOT / "deploy/policy.txtpb"), "--ballast-mib", "0"]
            with subprocess.Popen([SERVER, *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
                try:
                    address = next(line.split()[-1] for line in server.stdout if line.startswith("listening on "))
                    _, printed = example(address)
                finally:
                    server.terminate()
        self.assertEqual(printed, "NOT_FOUND PBX_UNKNOWN []\n")
        self.assertIn("# " + printed.strip(), PAGE)

    def test_it_waits_where_that_helps_and_gives_up_where_it_does_not(self):
        unavailable, exhausted = grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED
        invalid = grpc.StatusCode.INVALID_ARGUMENT
        for failures, calls, least, ends_well in (
            ([(unavailable, None), (exhausted, 7)], 3, [0.1, 7], True),
            ([(exhausted, None)], 1, [], False),
            ([(invalid, None)], 1, [], False),
            ([(unavailable, 1)] * 9, 5, [1, 1, 1, 1], False),
        ):
            handler = Failing(failures)
            server = grpc.server(concurrent.futures.ThreadPoolExecutor(1), handlers=[handler])
            address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
            server.start()
            waits = []
            request, answer = pbx_service_pb2.GetPbxRequest(), pbx_service_pb2.GetPbxResponse
            with grpc.insecure_channel(address) as channel:
                call = self.names["call"]
                if ends_well:
                    call(channel, "PbxService/GetPbx", request, answer, waits.append)
                else:
                    with self.assertRaises(grpc.RpcError):
                        call(channel, "PbxService/GetPbx", request, answer, waits.append)
            server.stop(None).wait()
            self.assertEqual((handler.calls, len(waits)), (calls, len(least)))
            for wait, at_least in zip(waits, least):
                self.assertTrue(at_least <= wait <= 1.5 * at_least, waits)

    def test_its_reasons_are_those_of_the_server(self):
        told = set(re.findall(r"`([A-Z_]+)`", PAGE.split("## Reasons")[1]))
        sources = [path for path in sorted((ROOT / "server").rglob("*.cc"))]
        text = "".join(path.read_text(encoding="utf-8") for path in sources)
        # What keeps a server from starting no caller sees.
        of_calls = "".join(
            path.read_text(encoding="utf-8") for path in sources if path.parent.name != "app" and path.name != "store_format.cc"
        )
        given = set(re.findall(r'ErrorWithReason\(\s*absl::StatusCode::k\w+,\s*"([A-Z_]+)"', of_calls))
        self.assertGreater(len(given), 30)
        self.assertEqual(given - told, set())
        self.assertEqual({reason for reason in told if f'"{reason}"' not in text}, set())

    @property
    def names(self):
        handler = Failing([(grpc.StatusCode.NOT_FOUND, None)])
        server = grpc.server(concurrent.futures.ThreadPoolExecutor(1), handlers=[handler])
        address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
        server.start()
        names, _ = example(address)
        server.stop(None).wait()
        return names


if __name__ == "__main__":
    unittest.main()
