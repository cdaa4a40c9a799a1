"""The console's use cases. They know neither the command line nor a driver."""
