"""A Spark cluster on Amazon EMR that runs `vigie spark features`, and everything beside it."""
