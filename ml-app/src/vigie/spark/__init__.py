"""The same packages on Apache Spark: features of photos, their PCA, and tables of any size."""
