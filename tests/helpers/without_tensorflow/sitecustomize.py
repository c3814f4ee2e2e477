"""Python starts as if TensorFlow were not installed, where this folder is on its path."""

import sys


class _Refuse:
    @staticmethod
    def find_spec(name, *_):
        if name.partition(".")[0] == "tensorflow":
            raise ModuleNotFoundError("no module named tensorflow, for a test", name=name)


sys.meta_path.insert(0, _Refuse)
