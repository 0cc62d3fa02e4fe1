"""Table rows: the model, its forms, and who serves them."""
