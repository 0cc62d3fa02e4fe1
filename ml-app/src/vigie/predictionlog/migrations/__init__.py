"""How the tables of the prediction log came to be, step by step, for Alembic."""
