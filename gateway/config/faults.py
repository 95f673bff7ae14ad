"""What is wrong in a configuration file: each fault with line, stable code and what to write instead."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing to correct. line: 1 is the first; 0: the file as a whole."""

    file: str
    line: int
    code: str
    message: str
    remedy: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        return f"{where}: {self.code}: {self.message}\n    {self.remedy}"


class ConfigError(Exception):
    """A configuration that is refused as a whole, with all of its faults."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__("\n".join(map(str, faults)))
        self.faults = faults


class Faults:
    """Collects the faults of one file while it is read, so that all are reported at once."""

    def __init__(self, file: str) -> None:
        self.file = file
        self._faults: list[Fault] = []

    def add(self, line: int, code: str, message: str, remedy: str) -> None:
        self._faults.append(Fault(self.file, line, code, message, remedy))

    @property
    def found(self) -> tuple[Fault, ...]:
        """All faults, by line."""
        return tuple(sorted(self._faults, key=lambda fault: fault.line))

    def refuse(self) -> None:
        """Raise ConfigError if anything was found."""
        if self._faults:
            raise ConfigError(self.found)
