"""What makes programs that run for seconds quicker, and those that run for minutes slower."""

from __future__ import annotations

QUICK = {
    # their threads turn while they wait, and the workers of pytest-xdist are the parallelism
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    # a Java that runs for seconds has nothing of a compiler that takes longer
    "JDK_JAVA_OPTIONS": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
}
"""Variables of all that is started here, unless they are set already."""
