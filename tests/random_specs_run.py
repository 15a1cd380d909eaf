"""Checks random specs by their numbers, many in one process, and names the faults.

    KERAS_BACKEND=torch python tests/random_specs_run.py 0 5000 --keep faults

checks the specs 0 to 4999 on PyTorch and Keras, or on other `--backends` (with
`--families` each beside itself with other values of its params, in one file) and writes
the smallest spec of every kind of fault into a folder. Each spec depends on nothing but its number, so that several
processes share the work by taking numbers of their own. Ends with 1 where one failed.
"""

from __future__ import annotations

import argparse
import re
import resource
import signal
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import random_families
from random_specs import numbered
from random_specs_checks import Case, Fault, check
from random_specs_hiding import hiding
from random_specs_lint import lint, typed
from random_specs_reduce import reduced, size
from random_specs_text import written

from archspec.errors import ArchspecError

KINDS = ("torch", "keras")
SECONDS, MEMORY = 60, 4 << 30
"""What the checks of one spec may take of the processor, and in bytes; those that pass
take less than a second, and some on Flax, which JAX compiles."""
FORGET = 20
"""So many specs until Keras and the printed modules are let go."""


class Run:
    """The faults found so far, with the smallest specs of each kind."""

    def __init__(
        self,
        kinds: tuple[str, ...],
        examples: int = 1,
        *,
        values: int = 2,
        turns: bool = False,
        families: bool = False,
        spec: Callable[[int], dict[str, Any]] = numbered,
    ) -> None:
        self.spec = spec
        self.kinds, self.examples = kinds, examples
        self.values, self.turns, self.families = values, turns, families
        self.checked = self.invalid = self.typed = 0
        self.found: Counter[str] = Counter()
        self.specs: dict[str, list[tuple[int, dict[str, Any], str]]] = {}
        self.texts: dict[str, tuple[int, dict[str, Any]]] = {}

    def one(self, number: int) -> None:
        """Checks a spec on every backend."""
        try:
            spec = self.spec(number)
        except SyntaxError:  # sizes behind one another that no parser takes
            self.invalid += 1
            return
        try:
            case = Case(written(spec))
        except ArchspecError:
            self.invalid += 1
            return
        self.checked += 1
        for place, kind in enumerate(self.kinds):
            idle = self.turns and number % len(self.kinds) != place
            try:
                with limited(kind):
                    if self.families:
                        source = random_families.check(case, number, kind)
                    else:
                        source = check(case, kind, 0 if idle else self.values)
            except Exception as error:
                self.add(number, spec, fault_of(error))
                continue
            if source is not None:
                self.texts[source] = number, spec

    def linted(self) -> None:
        """Checks the style of all that was printed, at once."""
        for source, fault in lint(list(self.texts)):
            self.add(*self.texts[source], fault)
        for source, fault in typed(list(self.texts)[: self.typed]):
            self.add(*self.texts[source], fault)

    def add(self, number: int, spec: dict[str, Any], fault: Fault) -> None:
        self.found[fault.kind] += 1
        there = self.specs.setdefault(fault.kind, [])
        there.append((number, spec, fault.detail))
        there.sort(key=lambda item: size(item[1]))
        del there[self.examples :]


def fault_of(error: Exception) -> Fault:
    """Any error as a fault; one of the checks themselves is a fault of theirs."""
    if isinstance(error, Fault):
        return error
    return Fault(f"the checks: {type(error).__name__}", repr(error))


def fails(kind: str, spec: dict[str, Any]) -> str | None:
    """What the fault of a kind says of a spec, if the spec has that fault."""
    backend = kind.partition(":")[0]
    try:
        with limited(backend):
            source = check(Case(written(spec)), backend)
    except ArchspecError:
        return None
    except Exception as error:
        fault = fault_of(error)
        return fault.detail if fault.kind == kind else None
    look = typed if ": types: " in kind else lint
    for _, fault in look([source] if source else []):
        if fault.kind == kind:
            return fault.detail
    return None


@contextmanager
def limited(kind: str) -> Iterator[None]:
    """Ends what takes too long; memory is limited for the whole process."""

    def end(number: int, frame: Any) -> None:
        raise Fault(f"{kind}: takes too long", f"more than {SECONDS} s")

    before = signal.signal(signal.SIGPROF, end)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)  # others may use the machine, too
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def forget(kinds: tuple[str, ...]) -> None:
    """Lets go of what was built."""
    if "keras" in kinds:
        import keras

        keras.backend.clear_session()  # printed modules go with what is of them
    if "flax" in kinds:
        import jax

        jax.clear_caches()


def prepare(kinds: tuple[str, ...]) -> None:
    """One thread, float64 in all of Keras, and no warnings."""
    if "torch" in kinds:
        import torch

        torch.set_num_threads(1)
    if "keras" in kinds:
        from keras_engine import keep_float64

        keep_float64()
    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, most))
    warnings.simplefilter("ignore")


def main() -> int:
    """Checks specs, and says what was found."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("first", type=int, help="number of the first spec")
    parser.add_argument("count", type=int, help="how many")
    parser.add_argument("--backends", default=",".join(KINDS))
    parser.add_argument("--keep", type=Path, help="a folder for what fails, reduced")
    parser.add_argument("--examples", type=int, default=1, help="reduced of each kind")
    parser.add_argument("--seconds", type=float, default=1e9, help="the longest time")
    parser.add_argument("--quick", action="store_true", help="less of each spec")
    parser.add_argument("--turns", action="store_true", help="arguments on one backend")
    parser.add_argument("--families", action="store_true", help="several nets a file")
    parser.add_argument("--hiding", action="store_true", help="names hide others")
    parser.add_argument("--types", type=int, default=0, help="files to check with mypy")
    given = parser.parse_args()
    kinds = tuple(given.backends.split(","))
    prepare(kinds)
    run = Run(
        kinds,
        given.examples,
        values=1 if given.quick else 2,
        turns=given.turns,
        families=given.families,
        spec=hiding if given.hiding else numbered,
    )
    run.typed = given.types
    start, busy = time.monotonic(), time.process_time()
    for number in range(given.first, given.first + given.count):
        if time.monotonic() - start > given.seconds:
            break
        run.one(number)
        if number % FORGET == 0:
            forget(kinds)
    run.linted()
    spent = (time.process_time() - busy) / max(1, run.checked)
    print(f"{run.checked} specs, {run.invalid} invalid, {spent:.3f} s each")
    for kind, times in run.found.most_common():
        numbers = ", ".join(str(number) for number, *_ in run.specs[kind])
        print(f"{times:5} {kind}, spec {numbers}", flush=True)
    for kind in run.found if given.keep and not given.families else ():
        for number, spec, detail in run.specs[kind]:
            keep(given.keep, kind, number, spec, detail)
    return int(bool(run.found))


def keep(
    folder: Path, kind: str, number: int, spec: dict[str, Any], detail: str
) -> None:
    """Writes a spec, as small as it fails in the same way."""
    small = reduced(spec, lambda smaller: fails(kind, smaller) is not None)
    detail = fails(kind, small) or detail
    folder.mkdir(exist_ok=True, parents=True)
    name = re.sub(r"\W+", "_", kind)[:60]
    told = "".join(f"# {line}\n" for line in f"{kind}\n{detail}".splitlines())
    path = folder / f"{name}_{number}.yaml"
    path.write_text(f"{told}{written(small)}", encoding="utf-8")
    print(f"{path}\n{path.read_text(encoding='utf-8')}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
