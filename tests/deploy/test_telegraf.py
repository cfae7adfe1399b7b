"""deploy/telegraf and deploy/grafana: from the contract to the pictures.

Telegraf and Grafana themselves are not run. What Telegraf's configuration names is held against the published
schemas; what would arrive is written as it says into a real PostgreSQL and a real InfluxDB, where the queries
of the dashboards must find it.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pose_edge.payloads import SCHEMAS
from pose_edge.topics import row
from tests.deploy.databases import Influx, Postgres, influx, postgres
from tests.deploy.recipes import DEPLOY

CONFIG = DEPLOY / "telegraf/pose-edge.conf"
TABLES = DEPLOY / "telegraf/postgresql.sql"
INFLUX_BOARD = DEPLOY / "grafana/dashboard.json"
SQL_BOARD = DEPLOY / "grafana/dashboard-postgresql.json"
JSON_TYPES = {"string": "string", "integer": "int", "number": "float", "boolean": "bool"}
SQL_TYPES = {"string": "text", "int": "bigint", "float": "double precision", "bool": "boolean"}

RATES = ("poses", "dropped")
"""The two lines of the panel `Frames a second`."""

Json = dict[str, Any]


def inputs() -> dict[str, Json]:
    """Return Telegraf's inputs by topic."""
    found: dict[str, Json] = {}
    for source in tomllib.loads(CONFIG.read_text())["inputs"]["mqtt_consumer"]:
        [topic] = source["topics"]
        found[topic.removeprefix("pose-edge/+/")] = source
    return found


def parser(topic: str) -> Json:
    [found] = inputs()[topic]["json_v2"]
    content: Json = found
    return content


def columns(topic: str) -> dict[str, str]:
    """Return what a measurement has beside its time, with its types: tags are words."""
    tags = ["device", *(tag["path"] for tag in parser(topic).get("tag", []))]
    fields = {field["path"]: field["type"] for field in parser(topic)["field"]}
    return {**dict.fromkeys(tags, "string"), **fields}


def schema_type(schema: Json) -> set[str]:
    """Return the types that a field may have, except null."""
    kinds = [part.get("type") for part in (schema, *schema.get("anyOf", []))]
    return {JSON_TYPES.get(kind, kind) for kind in kinds if kind not in {None, "null"}}


@pytest.mark.parametrize("topic", ["state", "events", "health"])
def test_every_path_is_a_field_of_the_published_schema_with_its_type(topic: str) -> None:
    properties = SCHEMAS[topic].model_json_schema(mode="serialization")["properties"]
    enums = {name: bool(schema.get("enum")) for name, schema in properties.items()}

    for field in parser(topic)["field"]:
        kinds = schema_type(properties[field["path"]]) or ({"string"} if enums[field["path"]] else set())
        assert kinds == {field["type"]}, field["path"]
    for tag in parser(topic).get("tag", []):
        assert tag["path"] in properties
    assert parser(topic)["timestamp_path"] in properties


def test_every_input_is_a_topic_its_user_may_read_under_a_name_of_its_own() -> None:
    acl = (DEPLOY / "mosquitto/acl").read_text()
    collector = acl.partition("user collector\n")[2].partition("user ")[0]

    assert {*inputs()} == {"state", "events", "health"}
    assert all(row(topic) is not None for topic in inputs())
    assert "topic read pose-edge/#" in collector
    assert len({source["client_id"] for source in inputs().values()}) == len(inputs())
    assert {source["username"] for source in inputs().values()} == {"collector"}
    assert {source["password"] for source in inputs().values()} == {"${MQTT_PASSWORD}"}
    assert inputs()["events"]["persistent_session"] is True


def test_the_other_output_is_valid_once_its_comment_signs_are_gone() -> None:
    text = re.sub(r"^#(?=\[\[outputs|  )", "", CONFIG.read_text(), flags=re.MULTILINE)

    outputs = tomllib.loads(text)["outputs"]
    assert {*outputs} == {"influxdb_v2", "postgresql"}
    # Telegraf adds `host` to everything; PostgreSQL would lose every point with a tag it has no column for.
    assert all(output["tagexclude"] == ["host"] for [output] in outputs.values())


def boards() -> dict[Path, Json]:
    return {path: json.loads(path.read_text()) for path in (INFLUX_BOARD, SQL_BOARD)}


def queries(path: Path) -> list[tuple[str, str]]:
    """Return (title of the panel, query)."""
    panels = boards()[path]["panels"]
    key = "query" if path == INFLUX_BOARD else "rawSql"
    return [(panel["title"], target[key]) for panel in panels for target in panel["targets"]]


def test_both_dashboards_show_the_same() -> None:
    titles = [[(panel["title"], panel["type"]) for panel in board["panels"]] for board in boards().values()]

    assert titles[0] == titles[1]


@pytest.mark.parametrize("path", [INFLUX_BOARD, SQL_BOARD], ids=lambda path: path.stem)
def test_a_dashboard_is_whole(path: Path) -> None:
    board = boards()[path]

    assert {"uid", "title", "schemaVersion", "time", "templating", "panels"} <= {*board}
    assert "id" not in board  # it belongs to one Grafana
    assert [variable["name"] for variable in board["templating"]["list"]] == ["datasource", "device"]
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    for panel in board["panels"]:
        assert panel["datasource"]["uid"] == "${datasource}"
        assert all(target["datasource"] == panel["datasource"] for target in panel["targets"])
    cells = [cell for panel in board["panels"] for cell in area(panel["gridPos"])]
    assert len({*cells}) == len(cells), "panels overlap"
    assert max(x for x, _ in cells) < 24


def area(place: dict[str, int]) -> list[tuple[int, int]]:
    across, down = range(place["x"], place["x"] + place["w"]), range(place["y"], place["y"] + place["h"])
    return [(x, y) for x in across for y in down]


def test_every_word_of_posture_has_its_colour() -> None:
    words = SCHEMAS["state"].model_json_schema()["properties"]["posture"]["enum"]
    for board in boards().values():
        [panel] = [panel for panel in board["panels"] if panel["title"] == "Posture"]
        assert {*panel["fieldConfig"]["defaults"]["mappings"][0]["options"]} == {*words}


@pytest.mark.parametrize(("title", "query"), queries(INFLUX_BOARD))
def test_influxql_names_only_what_telegraf_writes(title: str, query: str) -> None:
    [topic] = re.findall(r'FROM "pose_(\w+)"', query)
    names = {*re.findall(r'"(\w+)"', query)} - {f"pose_{topic}"}

    assert names <= {*columns(topic)}, title


# --- what would arrive -----------------------------------------------------------------------------------


def messages(now_ms: int) -> list[tuple[str, Json]]:
    """Return (topic, payload) of a device: somebody falls; an alert comes twice, and one is a test."""
    common: Json = {"schema_version": 1, "clock_synced": True, "boot_id": "b1"}

    def at(second: int) -> Json:
        time_ms = now_ms - 600_000 + 1000 * second
        moment = datetime.fromtimestamp(time_ms / 1000, UTC).isoformat(timespec="milliseconds")
        return {**common, "timestamp": moment.replace("+00:00", "Z"), "timestamp_ms": time_ms}

    state = {"sequence": 1, "detection": "running", "occupied": True, "fall": "none", "confidence": 0.9}
    state |= {"posture_since": None, "zones": [], "persons": [], "inference_fps": 10.5, "frame_age_ms": 40}
    state |= {"slouching": None, "sedentary": False}
    found: list[tuple[str, Json]] = [
        ("state", {**at(second), **state, "posture": posture, "person_count": count})
        for second, posture, count in ((0, "standing", 1), (60, "lying", 2), (120, "absent", 0))
    ]
    event: Json = {"event_type": "fall_confirmed", "kind": "fall", "stage": "new", "severity": "alert"}
    event |= {"end_time": None, "frame_timestamp_ms": 1, "person_id": 1, "zone": None, "confidence": None}
    event |= {"reason": "still", "evidence": {}, "replayed": False, "media": None, "rule": "fall"}
    for number, second, test in ((1, 62, False), (1, 62, False), (2, 90, True)):
        told = {**at(second), "event_id": f"e-{number}", "sequence": number, "test": test, "rule_version": 1}
        told.pop("timestamp_ms")
        found.append(("events", {**event, **told, "start_time": told["timestamp"]}))
    health = {"model": "pose", "version": "1", "status": "ok", "rss_mb": 300.0, "end_to_end_ms_p95": 120.0}
    for second, results in ((0, 100), (30, 400), (60, 700)):
        counted = {"results_total": results, "frames_dropped_total": 7, "mqtt_queue": 3}
        known = {**at(second), **health, **counted, "soc_temperature_c": 61.5}
        found.append(("health", SCHEMAS["health"].model_validate(known).model_dump(mode="json")))
    for topic, payload in found:
        SCHEMAS[topic].model_validate(payload)
    return found


def values(topic: str, payload: Json) -> dict[str, object]:
    """Return the columns of a message, as the configuration lists them; null is left out."""
    known = {"device": "livingroom", **payload}
    return {name: known[name] for name in columns(topic) if known.get(name) is not None}


def line(topic: str, payload: Json) -> str:
    """Return a message as line protocol."""
    tags = ["device", *(tag["path"] for tag in parser(topic).get("tag", []))]
    found, kinds = values(topic, payload), columns(topic)
    time_ms = payload.get("timestamp_ms")
    if time_ms is None:
        time_ms = round(datetime.fromisoformat(payload["timestamp"]).timestamp() * 1000)
    marks = {"string": '"{}"', "int": "{}i", "float": "{}", "bool": "{}"}
    named = ",".join(f"{tag}={found[tag]}" for tag in tags if tag in found)
    counted = ",".join(f"{key}={marks[kinds[key]].format(found[key])}" for key in found if key not in tags)
    return f"pose_{topic},{named} {counted} {time_ms}"


def insert(topic: str, payload: Json) -> str:
    """Return a message as an SQL statement."""
    found = {"time": payload["timestamp"], **values(topic, payload)}
    listed = ", ".join(f"'{value}'" for value in found.values())
    return f"INSERT INTO pose_{topic} ({', '.join(found)}) VALUES ({listed});"


@pytest.fixture(scope="module")
def now_ms() -> int:
    return round(datetime.now(UTC).timestamp() * 1000)


@pytest.fixture(scope="module")
def sql(now_ms: int) -> Iterator[Postgres]:
    with postgres() as server:
        server.run("CREATE ROLE telegraf;")
        for _ in range(2):  # may run again
            server.run(TABLES.read_text())
        inserts = [insert(topic, payload) for topic, payload in messages(now_ms)]
        server.run("SET ROLE telegraf;\n" + "\n".join(inserts))
        yield server


@pytest.fixture(scope="module")
def influxdb(now_ms: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Influx]:
    with influx(tmp_path_factory.mktemp("influx")) as server:
        server.write("\n".join(line(topic, payload) for topic, payload in messages(now_ms)))
        yield server


@pytest.mark.parametrize("topic", ["state", "events", "health"])
def test_the_tables_have_the_columns_telegraf_writes(sql: Postgres, topic: str) -> None:
    rows = sql.run(
        f"SELECT column_name, data_type FROM information_schema.columns WHERE table_name = 'pose_{topic}'"
    )
    wanted = {name: SQL_TYPES[kind] for name, kind in columns(topic).items()}

    assert {row[0]: row[1] for row in rows} == {"time": "timestamp with time zone", **wanted}


def plain_sql(query: str) -> str:
    """Put in what Grafana puts in for its macros and variables."""
    query = query.replace("$__timeFilter(time)", "time > now() - INTERVAL '1 day'")
    query = query.replace("$__timeGroupAlias(time, $__interval)", "date_bin('1 min', time, 'epoch') AS time")
    query = query.replace("$device", "'livingroom', 'kitchen'")
    assert "$" not in query
    return query


@pytest.mark.parametrize(("title", "query"), queries(SQL_BOARD))
def test_sql_finds_what_was_written(sql: Postgres, title: str, query: str) -> None:
    rows = sql.run(plain_sql(query))

    assert rows, title
    if title == "Falls":
        assert rows == [["1"]]
    if title == "Posture":
        assert [row[2] for row in rows] == ["standing", "lying", "absent"]
    if title == "Frames a second":
        rates = [[float(row[2]) for row in rows if row[2] and row[1].endswith(word)] for word in RATES]
        assert rates in ([[10, 10], []], [[], [0, 0]])


@pytest.mark.parametrize("path", [INFLUX_BOARD, SQL_BOARD], ids=lambda path: path.stem)
def test_the_variable_lists_devices(request: pytest.FixtureRequest, path: Path) -> None:
    query = boards()[path]["templating"]["list"][1]["query"]
    if path == SQL_BOARD:
        assert request.getfixturevalue("sql").run(query) == [["livingroom"]]
    else:
        [series] = request.getfixturevalue("influxdb").query(query)
        assert series["values"] == [["device", "livingroom"]]


def plain_influxql(query: str) -> str:
    """Put in what Grafana puts in for its variables."""
    query = query.replace("$timeFilter", "time > now() - 1d").replace("$__interval", "10s")
    return query.replace("/^$device$/", "/^(livingroom|kitchen)$/")


@pytest.mark.parametrize(("title", "query"), queries(INFLUX_BOARD))
def test_influxql_finds_what_was_written(influxdb: Influx, title: str, query: str) -> None:
    series = influxdb.query(plain_influxql(query))

    assert series, title
    rows = [tuple(row[1:]) for found in series for row in found["values"]]
    if title == "Falls":
        assert [row for row in rows if row[0]] == [(1,)]
    if title == "Posture":
        assert rows == [("standing",), ("lying",), ("absent",)]
    if "results_total" in query:
        assert rows == [(10,), (10,)]
