"""Pure rules of the poller: what is new, who holds a number, how far to read, who is next."""
