"""What the publisher decides, without I/O, clock or waiting."""
