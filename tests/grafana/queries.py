"""What a query of a panel becomes in Prometheus, and which metrics it names."""

from __future__ import annotations

import json
import re
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Sequence
from pathlib import Path

WINDOWS = ("1h", "6h", "24h")
_AGGREGATION = r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)"
_KEYWORDS = {
    "and", "or", "unless", "offset", "bool", "by", "without", "on", "ignoring", "group_left",
    "group_right", "inf", "nan",
}  # fmt: skip


def settle(query: str) -> list[str]:
    """The query with the variables put in as Grafana does, once for each window."""
    query = query.replace("$__rate_interval", "1m")
    windows = WINDOWS if "$window" in query else WINDOWS[:1]
    return [re.sub(r"\$[a-z]+", ".*", query.replace("$window", one)) for one in windows]


def without_texts(query: str) -> str:
    """The query without the values of its labels."""
    return re.sub(r'"(?:[^"\\]|\\.)*"', "", query)


def metric_names(query: str) -> set[str]:
    """The metrics and recorded series that a query names."""
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]", " ", without_texts(query))
    bare = re.sub(_AGGREGATION, " ", bare)
    names = re.findall(r"\b[a-zA-Z_][a-zA-Z0-9_:]*\b(?!\s*\()", bare)
    return {name for name in names if name.lower() not in _KEYWORDS}


def answers(url: str, query: str) -> int:
    """How many series a running Prometheus answers the query with."""
    body = urllib.parse.urlencode({"query": query}).encode()
    with urllib.request.urlopen(f"{url}/api/v1/query", body, timeout=30) as response:
        return len(json.load(response)["data"]["result"])


def parse_errors(promtool: str, queries: Sequence[str], folder: Path) -> str:
    """What promtool finds wrong with queries, each taken as a rule; empty where all parse."""
    rules = [{"record": f"panel:query:{n}", "expr": query} for n, query in enumerate(queries)]
    path = folder / "queries.json"
    path.write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}), "utf-8")
    done = subprocess.run(
        [promtool, "check", "rules", "--lint=none", str(path)],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    return "" if done.returncode == 0 else done.stdout + done.stderr or "promtool failed to parse"
