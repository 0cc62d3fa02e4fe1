"""How much is asked of those who answer table rows."""

from __future__ import annotations

from bench.figures import Load

ONE_ROW, BULK_ROWS = "1 row", "100 rows"
ONE, SOME, MANY, BULK = Load(1, ONE_ROW), Load(16, ONE_ROW), Load(64, ONE_ROW), Load(16, BULK_ROWS)
LOADS = (ONE, SOME, MANY, BULK)
