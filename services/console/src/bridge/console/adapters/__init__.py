"""The console's two sides: the stores it reads, and the door people use."""
