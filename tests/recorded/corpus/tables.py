"""MLflow's dialect: tables as JSON and CSV."""

from __future__ import annotations

from recorded.corpus.native import HOME, home
from recorded.request import JSON, Request, get, numbered, post

PATH = "/invocations"
SPLIT = {"columns": list(HOME), "data": [list(HOME.values())] * 2}
HEAD = b"surface_m2,rooms,property_type,land_m2\r\n"
CSV = "text/csv"


def in_json() -> list[Request]:
    """Tables and tensors as JSON."""
    good: list[object] = [
        {"dataframe_split": SPLIT},
        {"dataframe_split": SPLIT | {"index": [0, 1]}},
        {"dataframe_records": [HOME, HOME]},
        {"instances": [HOME, HOME]},
        {"inputs": [HOME, HOME]},
        {"inputs": {name: [value] * 2 for name, value in HOME.items()}},
        {"inputs": {name: [[value]] * 2 for name, value in HOME.items()}},
        {"dataframe_records": [home(land_m2=None), HOME], "params": {}},
        {"dataframe_records": [HOME, HOME], "params": None},
        {"dataframe_records": [home(surface_m2=900, district=77)]},
    ]
    wrong: list[object] = [
        [HOME], {}, {"instances": [HOME], "inputs": {}}, {"instances": [HOME], "params": {"a": 1}},
        {"dataframe_split": 3}, {"dataframe_split": {"data": []}},
        {"dataframe_split": {"columns": 1, "data": []}}, {"dataframe_split": SPLIT | {"data": []}},
        {"dataframe_split": SPLIT | {"data": [[1]]}}, {"dataframe_split": SPLIT | {"data": [1]}},
        {"dataframe_split": SPLIT | {"columns": [[], 1, 2]}},
        {"dataframe_split": SPLIT | {"data": [[54, 3, "castle"]]}},
        {"dataframe_split": {"columns": ["castle"], "data": [[1]]}}, {"dataframe_records": {}},
        {"dataframe_records": []}, {"dataframe_records": [3]},
        {"dataframe_records": [home(rooms=0)]}, {"dataframe_records": [home(rooms=float("nan"))]},
        {"inputs": [home(rooms=0)]}, {"instances": [home(rooms=0)]}, {"inputs": {"rooms": [0]}},
        {"dataframe_records": [home(rooms="x")] * 100}, b"{", b"[", b"", b"\xff",
    ]  # fmt: skip
    return numbered("table", [(PATH, body) for body in good]) + numbered(
        "table, wrong", [(PATH, body) for body in wrong]
    )


def in_csv() -> list[Request]:
    """Tables as CSV, and media types that are not taken."""
    bodies = [
        HEAD + b"54,3,apartment,\r\n54.0,3.0,apartment,100\r\n",
        HEAD + b'"54","3","apartment",""\r\n5.4e1, 3 ,apartment,100',
        HEAD + b"54,3,apartment,\r\n\r\n54,3,apartment,100\r\n\r\n",
        (HEAD + b"54,3,apartment,\n54,3,apartment,100\n").replace(b"\r\n", b"\n"),
        b"\xef\xbb\xbf" + HEAD + b"54,3,apartment,\r\n54,+3,apartment,1e2\r\n",
        HEAD + b'54,3,"a, ""b""\r\nc",\r\n',
        HEAD + b"54,x,apartment,\n",
        HEAD + b"54,3,apartment,\n54,,apartment,\n",
        HEAD + b"nan,3,apartment,\n",
        HEAD + b"inf,3,apartment,\n",
        HEAD + b"1e999,3,apartment,\n",
        HEAD + b"5_4,3,apartment,\n",
        HEAD + "\u0665,3,apartment,\n".encode(),
        HEAD + b"9" * 5000 + b",3,apartment,\n",
        HEAD + b"54,3,apartment\n",
        HEAD + b"54,3,apartment,,\n",
        b"rooms\n3\n",
        b",rooms\n0,3\n",
        b"rooms,rooms\n3,3\n",
        HEAD,
        b"",
        HEAD + b'54,3,"apartment,\n',
        HEAD + b'54,3,"apart"ment,\n',
        HEAD + b"a" * 200_000,
        HEAD + b"\xff",
        HEAD.decode().encode("utf-16"),
    ]
    row = HEAD + b"54,3,apartment,\n"
    types = [
        "text/csv; charset=utf-8", 'TEXT/CSV;charset="UTF-8"', "text/csv; x=1",
        "text/csv; charset=latin-1", "application/vnd.apache.parquet", "text/plain", "",
    ]  # fmt: skip
    return [
        *(post(f"CSV {n}", PATH, body, {"Content-Type": CSV}) for n, body in enumerate(bodies, 1)),
        *(post(f"CSV as {kind}", PATH, row, {"Content-Type": kind}) for kind in types),
        post("CSV, compressed", PATH, row, {"Content-Type": CSV, "Content-Encoding": "gzip"}),
        post("table, compressed", PATH, {}, {"Content-Type": JSON, "Content-Encoding": "gzip"}),
        get("ping", "/ping"),
        get("version", "/version"),
    ]
