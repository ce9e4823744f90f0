"""Training examples: what they are, and the files and data sets they are read from."""

from spex_data.data.examples import Examples, Task, make_examples
from spex_data.data.files import file_format
from spex_data.data.sources import read_examples

__all__ = ["Examples", "Task", "file_format", "make_examples", "read_examples"]
