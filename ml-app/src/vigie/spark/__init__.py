"""The same packages on Apache Spark: features of photos, their PCA, and tables of any size."""

from vigie.errors import MissingExtra

try:
    import pyarrow  # noqa: F401
    import pyspark  # noqa: F401
except ImportError:
    raise MissingExtra(
        "Spark is not installed here: pip install 'vigie[spark]'; in a checkout, make spark"
    ) from None
