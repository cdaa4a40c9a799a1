"""The publisher as a process that waits for nothing: a test's own composition root, with a settle time of 0.

The settings refuse such a value; only this way in shows what it would do.
"""

from datetime import timedelta

from bridge.publisher.main import run_publisher
from bridge.publisher.settings import PublisherSettings
from bridge.runtime.lifecycle import run_main
from bridge.runtime.settings import load

run_main(lambda: run_publisher(load(PublisherSettings), unsafe_settle=timedelta(0)))
