"""What can stop the demo."""


class DemoError(Exception):
    """The demo cannot go on; the text says what happened and where to look."""


class AnotherDemoError(DemoError):
    """Another demo runs in the same folder."""
