"""`python -m vigie.spark …`, and what `spark-submit` is given: the same as `vigie spark …`."""

import sys

if __name__ == "__main__":
    # started by its path, the folder of this file comes first, where modules have everyday names
    sys.path[:] = [folder for folder in sys.path if folder != __file__.rpartition("/")[0]]
    from vigie.cli.spark import main

    main()
