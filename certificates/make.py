"""Makes the certificates of the zoo: python -m certificates.make [--check] [NET…]

All nets without a name. With --check it writes nothing, and ends with 1 where a file is
not what would be written; with --numpy it writes what the definitions give, and asks no
backend. Those of more nodes than LARGE are packed.
"""

from __future__ import annotations

import sys
from pathlib import Path

from archspec.catalog import names
from archspec.verify.certificate import Certificate, Issued, issue, read, write
from archspec.verify.exact import exact, prove
from archspec.verify.setting import Setting
from archspec.verify.target import Target, parse_all
from archspec.verify.task import Bench

FOLDER = Path(__file__).parent
BACKENDS = "torch,keras"
OPTIONS = ("--check", "--numpy")
LARGE = 300


def main(*nets: str) -> None:
    """Makes the certificates, or looks at them."""
    wrong = []
    for name in [net for net in nets if net not in OPTIONS] or names():
        issued = issue(exact(Setting(name)))
        path = place(name, issued)
        if "--check" not in nets:
            asked = "--numpy" not in nets
            write(path, with_backends(name, issued) if asked else issued)
        elif not same(read(path), issued.certificate):
            wrong.append(name)
        print(name, issued.certificate.root, flush=True)
    if wrong:
        sys.exit(f"not as certified: {', '.join(wrong)}")


def place(name: str, issued: Issued) -> Path:
    """Where the certificate of a net is."""
    packed = ".gz" * (len(issued.certificate.nodes) > LARGE)
    return FOLDER / f"{name}.json{packed}"


def same(one: Certificate, other: Certificate) -> bool:
    """Whether two say the same of a net, whoever computed it."""
    apart = {"archspec", "backends", "rows"}
    return one.model_dump(exclude=apart) == other.model_dump(exclude=apart)


def with_backends(name: str, issued: Issued) -> Issued:
    """The certificate with what each backend gave, in this process."""

    def opened(setting: Setting, target: Target) -> Bench:
        chosen = target.found().on(target.engine, setting.dtype)
        return Bench(chosen, setting.data(), target.engine)

    setting = exact(Setting(name))
    proof = prove(setting, parse_all(BACKENDS), opened, lambda text: None)
    if not proof.passed:
        sys.exit(f"{name}: {[*proof.rows, *proof.findings]}")
    return issued.with_report(proof.ran, [])


if __name__ == "__main__":
    main(*sys.argv[1:])
