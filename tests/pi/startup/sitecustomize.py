"""On PYTHONPATH, Python reads this at every start: so child processes have the board's camera too."""

import sys
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType


class OnFirstImport(MetaPathFinder):
    """Brings the camera in when picamera2 is looked for; until then nothing is imported."""

    def find_spec(self, name: str, _path: object, target: ModuleType | None = None) -> ModuleSpec | None:
        """Hand over to the real thing."""
        if name != "picamera2":
            return None
        sys.meta_path.remove(self)
        from tests.pi.board.install import InstallWhenImported

        install = InstallWhenImported()
        sys.meta_path.insert(0, install)
        return install.find_spec(name, None, target)


sys.meta_path.insert(0, OnFirstImport())
