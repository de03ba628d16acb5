"""The Data API of Redshift in front of a PostgreSQL, on a port of this machine.

Nothing that answers as AWS does runs here: moto takes statements and never runs one. So this answers in the
shapes that botocore's model of the service says, which is checked, and a real database does the work. What it
cannot show is where Redshift's SQL differs from PostgreSQL's.
"""

from __future__ import annotations

import json
import re
import threading
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import botocore.session
import psycopg
from botocore.validate import ParamValidator

from tests.streams.sources.servers import Server

MODEL = botocore.session.get_session().get_service_model("redshift-data")
#: Names of PostgreSQL's types → the field that has their value, and how it is read from text.
FIELDS: Mapping[str, tuple[str, Any]] = {
    "bool": ("booleanValue", lambda text: text == "t"),
    **dict.fromkeys(("int2", "int4", "int8"), ("longValue", int)),
    **dict.fromkeys(("float4", "float8"), ("doubleValue", float)),
}


class Refusal(Exception):
    """An error that AWS answers with."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Statement:
    """A query that runs in a thread of its own."""

    def __init__(self, server: Server, sql: str, parameters: Mapping[str, str]) -> None:
        self.status, self.error = "STARTED", ""
        self.columns: list[dict[str, Any]] = []
        self.records: list[list[dict[str, Any]]] = []
        self.has_result = False
        url = server.url
        self._connection = psycopg.connect(
            host=url.host, port=url.port, user=url.username, password=url.password, dbname=url.database,
            autocommit=True,
        )  # fmt: skip
        self._thread = threading.Thread(target=self._run, args=(sql, parameters), daemon=True)
        self._thread.start()

    def cancel(self) -> None:
        self.status = "ABORTED"
        self._connection.cancel_safe()
        self._thread.join()

    def _run(self, sql: str, parameters: Mapping[str, str]) -> None:
        # The server converts what is text, as that of Redshift does.
        query = re.sub(r"(?<![:\w]):([A-Za-z_]\w*)", r"%(\1)s", sql.replace("%", "%%"))
        try:
            with self._connection as connection:
                connection.execute("SET TIME ZONE 'UTC'")
                self._keep(connection.execute(query.encode(), parameters))
        except psycopg.Error as error:
            if self.status == "STARTED":
                self.status, self.error = "FAILED", f"ERROR: {error}"
        else:
            self.status = "FINISHED"

    def _keep(self, cursor: psycopg.Cursor[Any]) -> None:
        result = cursor.pgresult
        if cursor.description is None or result is None:
            return
        self.has_result = True
        kinds = []
        for column in cursor.description:
            info = psycopg.adapters.types.get(column.type_code)
            kinds.append(info.name if info is not None else "varchar")
            self.columns.append(
                {"label": column.name, "name": column.name, "typeName": kinds[-1], "nullable": 1}
            )
        for row in range(result.ntuples):
            values = [result.get_value(row, column) for column in range(result.nfields)]
            self.records.append([_field(kind, value) for kind, value in zip(kinds, values, strict=True)])


def _field(kind: str, value: bytes | None) -> dict[str, Any]:
    if value is None:
        return {"isNull": True}
    name, read = FIELDS.get(kind, ("stringValue", str))
    return {name: read(value.decode())}


class DataApi:
    """What was asked, and the statements that run."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self.asked: list[tuple[str, dict[str, Any]]] = []
        #: Answers with these first.
        self.refusals: list[Refusal] = []
        self.page = 1_000
        self.statements: dict[str, Statement] = {}
        self.url = ""

    def requests(self, operation: str) -> list[dict[str, Any]]:
        return [request for name, request in self.asked if name == operation]

    def answer(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        """What AWS answers, in the shape of its model."""
        self.asked.append((operation, request))
        if self.refusals:
            raise self.refusals.pop(0)
        answer: dict[str, Any] = getattr(self, f"_{operation}")(request)
        shape = MODEL.operation_model(operation).output_shape
        assert shape is not None
        problems = ParamValidator().validate(answer, shape)
        assert not problems.has_errors(), problems.generate_report()
        assert set(answer) <= set(shape.members)
        return answer

    def _ExecuteStatement(self, request: dict[str, Any]) -> dict[str, Any]:
        parameters = {one["name"]: one["value"] for one in request["Parameters"]}
        id_ = str(uuid.uuid4())
        self.statements[id_] = Statement(self._server, request["Sql"], parameters)
        return {"Id": id_, "Database": request["Database"], "SecretArn": request["SecretArn"]}

    def _DescribeStatement(self, request: dict[str, Any]) -> dict[str, Any]:
        statement = self._statement(request)
        said = {"Id": request["Id"], "Status": statement.status, "HasResultSet": statement.has_result}
        return said | ({"Error": statement.error} if statement.error else {})

    def _CancelStatement(self, request: dict[str, Any]) -> dict[str, Any]:
        self._statement(request).cancel()
        return {"Status": True}

    def _GetStatementResult(self, request: dict[str, Any]) -> dict[str, Any]:
        statement = self._statement(request)
        begin = int(request.get("NextToken", "0"))
        end = begin + self.page
        answer: dict[str, Any] = {
            "ColumnMetadata": statement.columns,
            "Records": statement.records[begin:end],
            "TotalNumRows": len(statement.records),
        }
        return answer | ({"NextToken": str(end)} if end < len(statement.records) else {})

    def _statement(self, request: dict[str, Any]) -> Statement:
        if request["Id"] not in self.statements:
            message = "Query does not exist."
            raise Refusal("ResourceNotFoundException", message)
        return self.statements[request["Id"]]


@contextmanager
def data_api(server: Server) -> Iterator[DataApi]:
    """Serves the Data API in front of a PostgreSQL."""
    api = DataApi(server)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            operation = self.headers["X-Amz-Target"].rpartition(".")[2]
            try:
                status, answer = 200, api.answer(operation, request)
            except Refusal as refusal:
                status, answer = 400, {"__type": refusal.code, "message": str(refusal)}
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        api.url = f"http://127.0.0.1:{http.server_port}"
        try:
            yield api
        finally:
            http.shutdown()
            thread.join()
