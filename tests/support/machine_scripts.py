"""What runs on a machine of the drills, and what is asked of it."""

from __future__ import annotations

import json
import time

from support.compose import HOUSE
from support.machine import Machine, docker

CALLER = f"""
import json, pathlib, time, urllib.request
done = failed = 0
body = json.dumps({{"instances": [{HOUSE!r}]}}).encode()
url, kind = "http://127.0.0.1:5000/predict/housing", {{"Content-Type": "application/json"}}
ask = urllib.request.Request(url, body, kind)
while not pathlib.Path("/tmp/stop").exists():
    try:
        urllib.request.urlopen(ask, timeout=15).read()
        done += 1
    except OSError:
        failed += 1
    pathlib.Path("/tmp/new").write_text(f"{{done}} {{failed}}")
    pathlib.Path("/tmp/new").rename("/tmp/calls")
    time.sleep(0.1)
"""


# What holds apt on a new machine, as its own updates do.
BUSY = """
import fcntl, time
names = ("apt/lists/lock", "dpkg/lock-frontend", "dpkg/lock")
held = [open(f"/var/lib/{name}", "w") for name in names]
for one in held:
    fcntl.lockf(one, fcntl.LOCK_EX)
time.sleep(100)
"""
# Where Google's machines find the token of their account, and names.
METADATA = """
set -e
ip netns add google
ip link add google0 type veth peer name inner netns google
ip address add 169.254.169.1/30 dev google0
ip link set google0 up
ip -netns google address add 169.254.169.254/16 dev inner
ip -netns google link set inner up
ip -netns google route add default via 169.254.169.1 2>/dev/null || true
ip route replace 169.254.169.254 dev google0
for port in 80 53; do
  ip netns exec google setsid python3 -m http.server --bind 169.254.169.254 $port > /dev/null 2>&1 &
done
sleep 3
"""
ASK = """
import sys, urllib.request
try:
    print(urllib.request.urlopen(f"http://169.254.169.254:{sys.argv[1]}/", timeout=5).status)
except OSError:
    print("no")
"""


def predict(host: Machine, seconds: int = 300) -> float:
    """The price of a house, asked for until there is one."""
    body = json.dumps({"instances": [HOUSE]})
    ask = (
        "import json, sys, urllib.request as u\n"
        "r = u.Request('http://127.0.0.1:5000/predict/housing', sys.argv[1].encode(),"
        " {'Content-Type': 'application/json'})\n"
        "print(json.load(u.urlopen(r, timeout=15))['predictions'][0]['price_eur'])"
    )
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        answer = docker("exec", host.name, "python3", "-c", ask, body, check=False)
        if answer:
            return float(answer)
        time.sleep(2)
    raise AssertionError(f"no prediction within {seconds} s")


def kept(host: Machine) -> dict[str, list[str]]:
    """What must outlive the machine: versions and aliases of models, logged rows, backups, keys."""
    asked = {
        "versions": ("mlflow", "select name, version, run_id from model_versions order by 1, 2"),
        "aliases": ("mlflow", "select * from registered_model_aliases order by 1, 2"),
        "rows": ("predictions", "select count(*) >= 20 from predictions"),
    }
    found = {
        name: host.run(
            f"/opt/vigie/bin/compose exec -T postgres psql -U postgres -At {database} -c '{query}'"
        ).splitlines()
        for name, (database, query) in asked.items()
    }
    return found | {"backups": host.run("ls /opt/vigie/backups").split()}
