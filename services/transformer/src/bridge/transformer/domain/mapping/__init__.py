"""One module per entity: source content in, target content or a reason out. Beside them, what one field needs."""
